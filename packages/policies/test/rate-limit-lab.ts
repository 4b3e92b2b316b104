import { expect } from '@jest/globals';
import { lines } from '@pea2pea/codecs';
import {
  memoryTransport,
  PeerError,
  PeerNode,
  type Connection,
  type DisconnectReason,
  type LogFields,
  type Logger,
  type PeerErrorCode,
  type AnyConnection,
} from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import {
  createPeer,
  OnDisconnect,
  OnMessage,
  Peer,
  type PeerConfig,
  type ListedPlugin,
} from '@pea2pea/decorators';

export const codec = lines();
/** A line that is no text: an invalid frame. */
export const badLine = Buffer.from([0xff, 0xfe, 0x0a]);

/** Writes down what it hears. */
@Peer({ codec })
export class Diary {
  readonly seen: string[] = [];
  readonly reasons: DisconnectReason[] = [];

  @OnMessage()
  note(line: string): void {
    this.seen.push(line);
  }
  @OnDisconnect()
  gone(_connection: AnyConnection, reason: DisconnectReason): void {
    this.reasons.push(reason);
  }
}

/** A peer with `plugins` in a network of its own, whose time stands still. `dial` connects to it from an IP address. */
export async function serve(plugins: readonly ListedPlugin[], config: PeerConfig = {}, epochMs = 0) {
  const transport = memoryTransport();
  const clock = new ControlledClock(epochMs);
  const log = new LogBook();
  const listen = { host: '127.0.0.1', port: 0 };
  const handle = await createPeer(Diary, {
    plugins,
    config: { transport, clock, listen, idleTimeoutMs: 0, logger: log, ...config },
  });
  const nodes: PeerNode<string>[] = [];
  return {
    handle,
    clock,
    log,
    transport,
    node: handle.node,
    diary: handle.peer,
    dial(localAddress = '10.0.0.1'): Promise<Connection<string>> {
      const node = new PeerNode({ codec, transport });
      nodes.push(node);
      return node.connect(handle.address!, { localAddress });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([handle, ...nodes].map((one) => one.close()));
    },
  };
}

/** Sends `count` messages of `length` bytes, newline included, at once. */
export function flood(connection: Connection<string>, count: number, length = 2): void {
  for (let index = 0; index < count; index++) connection.trySend('x'.repeat(length - 1));
}

/** Log lines from `warn` on. */
export class LogBook implements Logger {
  readonly lines: { readonly level: string; readonly text: string; readonly fields: LogFields }[] = [];

  debug(): void {}
  info(): void {}
  warn(fields: LogFields, text: string): void {
    this.lines.push({ level: 'warn', text, fields });
  }
  error(fields: LogFields, text: string): void {
    this.lines.push({ level: 'error', text, fields });
  }
  child(): this {
    return this;
  }
  /** How often `text` was logged. */
  count(text: string): number {
    return this.lines.filter((line) => line.text === text).length;
  }
}

/** Resolves when `condition` holds; fails after two seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`still not: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** What `act` throws or rejects with, which must be a PeerError of this code. */
export async function peerErrorOf(code: PeerErrorCode, act: () => unknown): Promise<PeerError> {
  try {
    await act();
  } catch (error) {
    if (!PeerError.is(error, code)) throw error;
    return error;
  }
  expect(`nothing was thrown, ${code} was expected`).toBe('');
  throw new Error('unreachable');
}
