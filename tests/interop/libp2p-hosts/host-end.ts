import { PeerNode, type Connection, type DisconnectReason } from '@pea2pea/core';
import {
  handle,
  readExactly,
  yamuxFrames,
  type FrameHeader,
  type Yamux,
  type YamuxStream,
} from '@pea2pea/streams';
import { until } from '@pea2pea/testing';
import { answerIdentify, IDENTIFY } from '../../../examples/libp2p/identify.js';
import { Identity, type PublicIdentity } from '../../../examples/libp2p/identity.js';
import { formatMultiaddr, parseMultiaddr } from '../../../examples/libp2p/multiaddr.js';
import { answerPings, PING } from '../../../examples/libp2p/ping.js';
import { REMOTE, SESSION, upgrade } from '../../../examples/libp2p/upgrade.js';
import type { EndProcess } from '../harness/end-process.js';
import type { Bench } from '../harness/suite.js';
import { readAll, type Read } from '../streams/stream-end.js';

/** Comes back as it was. */
export const ECHO = '/echo/1.0.0';
/** Is read to the end; what was read is told. */
export const REPORT = '/report/1.0.0';
/** Is reset after the first byte. */
export const RESET = '/reset/1.0.0';
export const PROTOCOLS = [PING, IDENTIFY, ECHO, REPORT, RESET] as const;
export const AGENT = 'pea2pea-interop/1.0.0';

type SessionConnection = Connection<FrameHeader, never>;

/** A node of ours that libp2p hosts take for one of theirs, as in the example. */
export class Host {
  readonly identity = new Identity();
  readonly node = new PeerNode<FrameHeader, never>({ codec: yamuxFrames });
  readonly connections: SessionConnection[] = [];
  readonly reasons: DisconnectReason[] = [];
  readonly reports: Read[] = [];
  /** Only this peer may be at the other end. */
  expected: string | undefined;

  /** Signs with `signer`, which is not its own identity when it lies. */
  constructor(signer?: Identity) {
    const { publicIdentity } = this.identity;
    const identity = { publicIdentity, sign: (data: Uint8Array) => (signer ?? this.identity).sign(data) };
    this.node.use({
      onHandshake: (handshake) =>
        upgrade(handshake, {
          identity: identity as Identity,
          expected: this.expected,
          onStream: (stream, remote) => this.#serve(stream, remote),
        }),
      onConnect: (connection) => void this.connections.push(connection),
      onDisconnect: (_connection, reason) => void this.reasons.push(reason),
    });
  }

  /** Where it listens: a multiaddr that names it. */
  async address(): Promise<string> {
    const { host, port } = this.node.address ?? (await this.node.listen({ host: '127.0.0.1', port: 0 }));
    return formatMultiaddr({ host, port, peerId: this.identity.peerId });
  }

  async dial(address: string): Promise<SessionConnection> {
    const { host, port, peerId } = parseMultiaddr(address);
    this.expected = peerId;
    return await this.node.connect({ host, port });
  }

  async #serve(stream: YamuxStream, _remote: PublicIdentity): Promise<void> {
    const protocol = await handle(stream, PROTOCOLS, { signal: AbortSignal.timeout(10_000) });
    switch (protocol) {
      case PING:
        return answerPings(stream);
      case IDENTIFY:
        return answerIdentify(stream, this.identity.publicIdentity.bytes, {
          agentVersion: AGENT,
          protocols: PROTOCOLS,
        });
      case ECHO:
        stream.pipe(stream);
        return;
      case REPORT:
        this.reports.push(await readAll(stream));
        stream.end();
        return;
      case RESET:
        await readExactly(stream, 1);
        stream.destroy();
    }
  }
}

/** A libp2p host: its commands are `where`, `dial`, `ping`, `identify`, `exchange`, `hangUp`. */
export class HostEnd {
  readonly process: EndProcess;
  readonly peerId: string;
  readonly address: string;

  private constructor(process: EndProcess, peerId: string, address: string) {
    this.process = process;
    this.peerId = peerId;
    this.address = address;
  }

  static async start({ start }: Bench): Promise<HostEnd> {
    const process = await start();
    const { peerId, address } = await process.run('where');
    return new HostEnd(process, String(peerId), String(address));
  }

  /** Opens a stream for `protocol`, writes `size` bytes, ends it, and reads to the end meanwhile. */
  async exchange(host: Host, protocol: string, size: number, seed = 0): Promise<Read> {
    const { length, digest, how } = await this.process.run(
      'exchange',
      { address: await host.address(), protocol, size, seed },
      40_000,
    );
    return { length, digest, how } as Read;
  }

  /** What it has read of the next stream for {@link REPORT}. */
  async report(): Promise<Read> {
    const { length, digest, how } = await this.process.next('report');
    return { length, digest, how } as Read;
  }
}

/** A connection between us and the end. */
export interface Joined {
  readonly host: Host;
  readonly end: HostEnd;
  readonly connection: SessionConnection;
  readonly session: Yamux;
  /** Who the other side has proven to be. */
  readonly remote: PublicIdentity;
}

export async function join(bench: Bench, weDial: boolean): Promise<Joined> {
  const end = await HostEnd.start(bench);
  const host = new Host();
  bench.own(host.node);
  const address = await host.address();
  if (weDial) await host.dial(end.address);
  else await end.process.run('dial', { address });
  await until('the connection is open', () => host.connections.length === 1);
  // Until it has noticed, it would dial once more.
  await until('it is open there', () => end.process.events.some(({ event }) => event === 'open'));
  const connection = host.connections[0]!;
  const { context } = connection;
  return { host, end, connection, session: context.get(SESSION)!, remote: context.get(REMOTE)! };
}
