import type { Socket } from 'node:net';
import type { SocketAddress } from '@pea2pea/core';
import { rawConnect, soon } from '@pea2pea/testing';

const PING = 'ping\n';
/** How long a peer waits before it pings again. */
const REST_MS = 20;

/** How long pings took, in milliseconds. */
export interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly pings: number;
}

/** Peers of a node that answers `ping` with `ping`: they ask for little, and notice when they are kept waiting. */
export class QuietPeers {
  readonly #sockets: readonly Socket[];

  private constructor(sockets: readonly Socket[]) {
    this.#sockets = sockets;
  }

  static async join(address: SocketAddress, count: number): Promise<QuietPeers> {
    const sockets: Socket[] = [];
    while (sockets.length < count) sockets.push((await rawConnect(address)).setNoDelay(true));
    return new QuietPeers(sockets);
  }

  /** Has all of them ping for so long. Fails where one gets no answer at all. */
  async measure(durationMs: number): Promise<Latencies> {
    const taken: number[] = [];
    const endMs = performance.now() + durationMs;
    await Promise.all(
      this.#sockets.map(async (socket, index) => {
        await rest((index % REST_MS) + 1); // not all at once
        while (performance.now() < endMs) {
          taken.push(await ping(socket));
          await rest(REST_MS);
        }
      }),
    );
    taken.sort((a, b) => a - b);
    const at = (part: number): number => taken[Math.floor(part * (taken.length - 1))]!;
    return { p50: at(0.5), p99: at(0.99), pings: taken.length };
  }

  leave(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Sends a ping and waits for what is to come back; how long it took, in milliseconds. */
export async function ping(socket: Socket, timeoutMs = 20_000): Promise<number> {
  const startedMs = performance.now();
  let missing = PING.length;
  let onData!: (chunk: Buffer) => void;
  let onClose!: () => void;
  const answered = new Promise<void>((resolve, reject) => {
    onData = (chunk) => {
      missing -= chunk.length;
      if (missing <= 0) resolve();
    };
    onClose = () => reject(new Error('a quiet peer was thrown out'));
  });
  socket.on('data', onData).once('close', onClose);
  socket.resume();
  socket.write(PING);
  try {
    await soon('the answer to a ping', answered, timeoutMs);
  } finally {
    socket.off('data', onData).off('close', onClose);
  }
  return performance.now() - startedMs;
}

function rest(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
