import {
  memoryTransport,
  PeerNode,
  type Connection,
  type DisconnectReason,
  type Hooks,
  type NodeConfig,
  type SocketAddress,
} from '@pea2pea/core';
import { recordingLogger, type LogLine } from '../logs.js';
import { testRunner } from '../test-runner.js';
import { textCodec } from '../text-codec.js';
import { until } from '../until.js';
import { assertClosed } from './assert-closed.js';
import { pair } from './pair.js';

/** Where test peers listen: any port of the loopback, or of a network in memory. */
export const ANYWHERE = { host: '127.0.0.1', port: 0 } as const;

/** A node that writes down what its hooks saw. */
export interface TestNode {
  /** The node itself. */
  readonly node: PeerNode<string>;
  /** Messages that arrived, unless the hooks that it was given take them. */
  readonly messages: string[];
  /** Connections that opened, in that order. */
  readonly opened: Connection<string>[];
  /** Connections that ended, in that order, and why. */
  readonly closed: { connection: Connection<string>; reason: DisconnectReason }[];
  /** What it logged. */
  readonly log: LogLine[];
}

/** What is closed after a test: a node, or the handle of a peer. */
export interface Owned {
  /** Closes it, within so many milliseconds. */
  close(options: { readonly timeoutMs: number }): Promise<unknown>;
}

/** What is used of a test runner: jest, vitest and mocha have it as a global, `node:test` exports it. */
export interface LabRunner {
  /** Runs `body` after each test of the file or group. */
  afterEach(body: () => Promise<void>): unknown;
}

/** What a test file works with; see {@link lab}. */
export interface Lab {
  /** Makes two connected peers, and closes them after the test; see {@link pair}. */
  readonly pair: typeof pair;
  /** Has `owned` closed after the test. */
  own<T extends Owned>(owned: T): T;
  /** Makes a node over TCP that speaks lines, unless `config` says otherwise; `hooks` run before those that write down. */
  makeNode(config?: Partial<NodeConfig<string>>, hooks?: Hooks<string>): TestNode;
}

/**
 * Makes peers for the tests of a file. After each test they are closed, with all else that the lab owns, and every node
 * must be consistent then, see {@link assertConsistent}, and have left no timer on a `ControlledClock`.
 *
 * ```ts
 * const { pair } = lab();
 *
 * it('carries lines', async () => {
 *   const { here, there } = await pair({ codec: lines() });
 *   await here.send('hello');
 *   assert.equal(await there.next(), 'hello');
 * });
 * ```
 *
 * note: call it where hooks of the runner are registered: at the top of a file or in a `describe`.
 * @param runner the one that is running: jest, mocha, and vitest with `globals: true` have `afterEach` as a global, and
 * `node --test` is asked for it. vitest without globals: `lab({ afterEach })`.
 * @throws {PeerError} P2P_ERR_NO_TEST_RUNNER when there is no runner.
 */
export function lab(runner?: LabRunner): Lab {
  const all: Owned[] = [];
  const pairs: { close(): Promise<void> }[] = [];
  const own = <T extends Owned>(owned: T): T => {
    all.push(owned);
    return owned;
  };
  testRunner(runner, ['afterEach']).afterEach(async () => {
    const owned = all.splice(0);
    // A peer whose own hooks fail when it stops is closed all the same: tests that are about that say so themselves.
    await Promise.allSettled(owned.map((one) => one.close({ timeoutMs: 500 })));
    const ends = await Promise.allSettled(pairs.splice(0).map((both) => both.close()));
    assertClosed(owned.flatMap(nodesOf));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  });
  return {
    own,
    pair: (async (...args: Parameters<typeof pair>) => {
      const both = await pair(...args);
      pairs.push(both);
      return both;
    }) as typeof pair,
    makeNode(config = {}, hooks = {}) {
      const log: LogLine[] = [];
      const logger = recordingLogger(log);
      const node = own(new PeerNode<string>({ codec: textCodec(), logger, ...config }));
      const test: TestNode = { node, messages: [], opened: [], closed: [], log };
      node.use(hooks).use({
        onConnect: (connection) => void test.opened.push(connection),
        onDisconnect: (connection, reason) => void test.closed.push({ connection, reason }),
        ...(!('onMessage' in hooks) && { onMessage: (message) => void test.messages.push(message) }),
      });
      return test;
    },
  };
}

function nodesOf(owned: Owned): PeerNode<unknown, never>[] {
  if (owned instanceof PeerNode) return [owned as PeerNode<unknown, never>];
  const { node } = owned as { readonly node?: PeerNode<unknown, never> };
  return node === undefined ? [] : [node];
}

/** A network of its own, in memory, for nodes that need no sockets: a part of their configuration. */
export function inMemory(): { transport: ReturnType<typeof memoryTransport> } {
  return { transport: memoryTransport() };
}

/** Has a node listen {@link ANYWHERE}. */
export function listen(test: TestNode): Promise<SocketAddress> {
  return test.node.listen(ANYWHERE);
}

/** Connects `from` to `to`, which listens if it does not yet, and waits until both have the connection open. */
export async function join(from: TestNode, to: TestNode): Promise<[Connection<string>, Connection<string>]> {
  const before = to.opened.length;
  const here = await from.node.connect(to.node.address ?? (await listen(to)));
  await until('the other side has the connection', () => to.opened.length > before);
  return [here, to.opened[before]!];
}
