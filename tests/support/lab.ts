import { afterEach } from '@jest/globals';
import {
  memoryTransport,
  PeerNode,
  type Connection,
  type DisconnectReason,
  type Hooks,
  type Logger,
  type LogFields,
  type NodeConfig,
  type SocketAddress,
} from '@pea2pea/core';
import { textCodec } from './text-codec.js';
import { until } from './until.js';

type Config = Partial<NodeConfig<string>>;

/** A node that writes down what its hooks saw. */
export interface TestNode {
  readonly node: PeerNode<string>;
  readonly messages: string[];
  readonly opened: Connection<string>[];
  readonly closed: { connection: Connection<string>; reason: DisconnectReason }[];
  readonly log: { level: string; fields: LogFields; text: string }[];
}

/** Everything made in a test is closed after it, and must be consistent then. */
const made: TestNode[] = [];

afterEach(async () => {
  for (const { node } of made.splice(0)) {
    await node.close({ timeoutMs: 500 });
    assertConsistent(node);
  }
});

/** A node over TCP, unless `config` says otherwise; `hooks` run before those that write down. */
export function makeNode(config: Config = {}, hooks: Hooks<string> = {}): TestNode {
  const log: TestNode['log'] = [];
  const node = new PeerNode<string>({ codec: textCodec(), logger: recordingLogger(log), ...config });
  const test: TestNode = { node, messages: [], opened: [], closed: [], log };
  node.use(hooks).use({
    onConnect: (connection) => void test.opened.push(connection),
    onDisconnect: (connection, reason) => void test.closed.push({ connection, reason }),
    ...(!('onMessage' in hooks) && { onMessage: (message) => void test.messages.push(message) }),
  });
  made.push(test);
  return test;
}

/** A network of its own, for nodes that need no sockets. */
export function inMemory(): { transport: ReturnType<typeof memoryTransport> } {
  return { transport: memoryTransport() };
}

export function listen(test: TestNode): Promise<SocketAddress> {
  return test.node.listen({ host: '127.0.0.1', port: 0 });
}

/** Connects `from` to `to`, and waits until both have the connection open. */
export async function join(from: TestNode, to: TestNode): Promise<[Connection<string>, Connection<string>]> {
  const before = to.opened.length;
  const here = await from.node.connect(to.node.address ?? (await listen(to)));
  await until('the other side has the connection', () => to.opened.length > before);
  return [here, to.opened[before]!];
}

/** All views of a node agree: counters, table, hooks. */
export function assertConsistent(node: PeerNode<string>): void {
  const { heuristics: h, connections, connecting } = node;
  const inbound =
    h.refusedByLimit +
    h.refusedByHook +
    h.waitingLineFull +
    h.waitingLineShareFull +
    h.waitingLineTimeouts +
    h.refusedByShutdown;
  const opened = h.openedInbound + h.openedOutbound;
  if (connections.size !== [...connections].length) throw new Error('the table miscounts its connections');
  if (opened - h.closed !== connections.size) {
    throw new Error(`${opened} opened, ${h.closed} closed, but ${connections.size} active`);
  }
  if (h.accepted < inbound + h.openedInbound) throw new Error('more inbound connections ended than began');
  const unlinked = h.dialsRefused + h.connectTimeouts + h.connectFailures;
  if (h.dialled < unlinked + h.openedOutbound) throw new Error('more dials ended than began');
  if (node.state === 'closed' && (connections.size > 0 || connecting > 0 || node.bufferedBytes !== 0)) {
    throw new Error(
      `closed with ${connections.size} active, ${connecting} connecting, ${node.bufferedBytes} bytes`,
    );
  }
}

function recordingLogger(log: TestNode['log'], bindings: LogFields = {}): Logger {
  const at = (level: string) => (fields: LogFields, text: string) =>
    void log.push({ level, fields: { ...bindings, ...fields }, text });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => recordingLogger(log, { ...bindings, ...fields }),
  };
}
