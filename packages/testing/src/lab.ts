import {
  memoryTransport,
  PeerNode,
  type Clock,
  type Connection,
  type DisconnectReason,
  type Hooks,
  type NodeConfig,
  type SocketAddress,
} from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { assertConsistent } from './consistency.js';
import { testingError } from './errors.js';
import { recordingLogger, type LogLine } from './logs.js';
import { textCodec } from './text-codec.js';
import { until } from './until.js';

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
  /** Has `owned` closed after the test. */
  own<T extends Owned>(owned: T): T;
  /** A node over TCP that speaks lines, unless `config` says otherwise; `hooks` run before those that write down. */
  makeNode(config?: Partial<NodeConfig<string>>, hooks?: Hooks<string>): TestNode;
}

/**
 * Makes nodes for the tests of a file. After each test they are closed, with all else that the lab owns, and every node
 * must be consistent then, see {@link assertConsistent}, and have left no timer on a `ControlledClock`.
 *
 * note: call it where hooks of the runner are registered: at the top of a file or in a `describe`.
 * note: takes `afterEach` of the runner that is running, or of `runner` where it is not global.
 * @throws {PeerError} P2P_ERR_NO_TEST_RUNNER when there is no runner.
 */
export function lab(runner: Partial<LabRunner> = globalThis as Partial<LabRunner>): Lab {
  if (typeof runner.afterEach !== 'function') {
    throw testingError(
      'P2P_ERR_NO_TEST_RUNNER',
      'lab() closes its nodes after each test, and there is no test runner',
      {
        remedy: 'run it in one, or give it { afterEach }',
      },
    );
  }
  const all: Owned[] = [];
  const own = <T extends Owned>(owned: T): T => {
    all.push(owned);
    return owned;
  };
  runner.afterEach(async () => {
    const owned = all.splice(0);
    // A peer whose own hooks fail when it stops is closed all the same: tests that are about that say so themselves.
    await Promise.allSettled(owned.map((one) => one.close({ timeoutMs: 500 })));
    const nodes = owned.flatMap(nodesOf);
    for (const node of nodes) assertConsistent(node);
    for (const clock of new Set(nodes.map(({ config }) => config.clock))) assertIdle(clock);
  });
  return {
    own,
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

function nodesOf(owned: Owned): PeerNode<unknown>[] {
  if (owned instanceof PeerNode) return [owned];
  const { node } = owned as { readonly node?: PeerNode<unknown> };
  return node === undefined ? [] : [node];
}

/** A clock that a test controls knows which timers are left. */
function assertIdle(clock: Clock): void {
  if (!(clock instanceof ControlledClock) || clock.pending === 0) return;
  throw testingError(
    'P2P_ERR_TIMERS_LEFT',
    `timers on the clock of closed nodes: ${clock.pending}, should be 0`,
  );
}

/** A network of its own, for nodes that need no sockets. */
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
