import { lines } from '@pea2pea/codecs';
import {
  memoryTransport,
  PeerNode,
  type Connection,
  type DisconnectReason,
  type AnyConnection,
} from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { lab, type LogLine, recordingLogger } from '@pea2pea/testing';
import {
  createPeer,
  OnDisconnect,
  OnMessage,
  Peer,
  type PeerConfig,
  type ListedPlugin,
} from '@pea2pea/decorators';

const { own } = lab();

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
  const log: LogLine[] = [];
  const listen = { host: '127.0.0.1', port: 0 };
  const handle = own(
    await createPeer(Diary, {
      plugins,
      config: { transport, clock, listen, idleTimeoutMs: 0, logger: recordingLogger(log), ...config },
    }),
  );
  const nodes: PeerNode<string>[] = [];
  return {
    handle,
    clock,
    /** How often `text` was logged. */
    told: (text: string): number => log.filter((line) => line.text === text).length,
    transport,
    node: handle.node,
    diary: handle.peer,
    dial(localAddress = '10.0.0.1'): Promise<Connection<string>> {
      const node = own(new PeerNode({ codec, transport }));
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
