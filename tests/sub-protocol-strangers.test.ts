// What a stranger may say where a node with sub-protocols expects a hello, a message or a goodbye.
import { connect, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { json, lines } from '@pea2pea/codecs';
import { PeerNode, type Connection } from '@pea2pea/core';
import { goodbyeOf, protocol, protocols, withProtocols, type Goodbye } from '@pea2pea/streams';
import { lab, recordingLogger, until, type LogLine } from '@pea2pea/testing';

const { own } = lab();

interface Offer {
  readonly name: string;
  readonly versions: readonly number[];
  readonly hello?: unknown;
}

const OFFER: Offer = { name: 'acme/gossip', versions: [1] };

function helloOf(...protocolsOffered: Offer[]): Buffer {
  const bytes = Buffer.from(JSON.stringify({ protocols: protocolsOffered }));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

function messageOf(id: number, content: string): Buffer {
  const bytes = Buffer.from(content);
  const head = Buffer.alloc(5);
  head[0] = id;
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** A node with a protocol, and a raw socket that is connected to it. */
async function meet(): Promise<{
  node: PeerNode<string>;
  socket: Socket;
  log: LogLine[];
  goodbyes: Goodbye[];
  errors: unknown[];
  hellos: unknown[];
}> {
  const log: LogLine[] = [];
  const errors: unknown[] = [];
  const hellos: unknown[] = [];
  const node = own(new PeerNode<string>({ codec: withProtocols(lines()), logger: recordingLogger(log) }));
  node.use(protocols());
  protocol(node, {
    name: 'acme/gossip',
    versions: [1],
    codec: json(),
    onOpen: (_connection, { hello }) => void hellos.push(hello),
    onMessage() {},
  });
  node.use({ onMessage() {}, onError: (error) => void errors.push(error) });
  const goodbyes: Goodbye[] = [];
  node.plugin(protocols).events.on('goodbye', (_connection, goodbye) => void goodbyes.push(goodbye));
  const { port } = await node.listen({ host: '127.0.0.1', port: 0 });
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  return { node, socket, log, goodbyes, errors, hellos };
}

describe('a hello of a stranger', () => {
  it.each<[what: string, offers: Offer[], why: string]>([
    ['lists a protocol twice', [OFFER, { ...OFFER, versions: [2] }], 'lists a protocol twice'],
    [
      'lists twice what we do not have',
      [OFFER, { ...OFFER, name: 'x' }, { ...OFFER, name: 'x' }],
      'lists a protocol twice',
    ],
    [
      'says much about one',
      [{ ...OFFER, hello: 'x'.repeat(4_095) }],
      'a protocol says more than 4096 characters',
    ],
    [
      'says in little room what takes much',
      [{ ...OFFER, hello: Array.from({ length: 1_400 }, () => []) }],
      'a protocol says more than 4096 characters',
    ],
  ])('that %s is refused', async (_what, offers, why) => {
    const { node, socket, log } = await meet();
    socket.write(helloOf(...offers));
    await until('it is refused', () => node.heuristics.handshakeFailures === 1);
    expect(node.connections.size).toBe(0);
    expect(JSON.stringify(log)).toContain(why);
  });

  it('may say 4096 characters about each protocol', async () => {
    const hello = 'x'.repeat(4_094);
    const { socket, hellos } = await meet();
    socket.write(helloOf({ ...OFFER, hello }, ...['a', 'b'].map((name) => ({ ...OFFER, name, hello }))));
    await until('it is open', () => hellos.length === 1);
    expect(hellos).toEqual([hello]);
    socket.destroy();
  });
});

describe('a hello of ours', () => {
  it.each([
    ['is long', 'x'.repeat(4_095)],
    ['is not JSON', 1n],
  ])('that %s is refused when its plugin is used', (_what, hello) => {
    const node = own(new PeerNode<string>({ codec: withProtocols(lines()) }));
    const definition = { name: 'a', versions: [1], codec: lines(), hello, onMessage() {} };
    const what = '`hello` of a must be JSON of 4096 characters at most';
    expect(() => protocol(node, definition)).toThrow(what);
  });
});

describe('a goodbye of a stranger', () => {
  it.each([
    ['a line of a log', 'P2P_ERR_X\nbye\r\npea2pea error: all is lost', { why: 'bye', code: 'P2P_ERR_X' }],
    ['an escape of a terminal', '\n\u001b[2J\u001b]0;title\u0007', { why: '[2J' }],
    ['a change of direction', '\nabc\u202etxt.exe', { why: 'abc' }],
    ['a code that is none', 'X\u001b[2J\nbye', { why: 'bye' }],
    ['a code that is long', `${'X'.repeat(101)}\nbye`, { why: 'bye' }],
  ])('cannot be %s', async (_what, said, { why, code }: { why: string; code?: string }) => {
    const { node, socket, goodbyes, hellos } = await meet();
    socket.write(helloOf(OFFER));
    await until('it is open', () => hellos.length === 1);
    const [connection] = node.connections as Iterable<Connection<string>>;
    socket.end(messageOf(1, said));
    await connection!.closed;
    expect(goodbyes).toHaveLength(1);
    expect(goodbyes[0]!.why).toContain(why);
    expect(goodbyes[0]!.why).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(goodbyes[0]!.code).toBe(code);
    expect(goodbyeOf(connection!)).toEqual(goodbyes[0]);
  });
});

describe('of several protocols that fail in one round', () => {
  const oops = (name: string) => new Error(`${name} fails`);

  it.each<[how: string, fail: (name: string) => void | Promise<void>]>([
    [
      'throwing',
      (name) => {
        throw oops(name);
      },
    ],
    ['rejecting', (name) => Promise.reject(oops(name))],
    [
      'each otherwise',
      (name) => {
        if (name === 'b') throw oops(name);
        return Promise.reject(oops(name));
      },
    ],
  ])('%s, each is told of', async (_how, fail) => {
    const log: LogLine[] = [];
    const [a, b] = [log, []].map((lineLog, side) => {
      const node = own(
        new PeerNode<string>({ codec: withProtocols(lines()), logger: recordingLogger(lineLog) }),
      );
      node.use(protocols()).use({ onMessage() {} });
      for (const name of ['a', 'b', 'c']) {
        const onOpen = side === 0 ? () => fail(name) : undefined;
        protocol(node, { name, versions: [1], codec: lines(), onMessage() {}, ...(onOpen && { onOpen }) });
      }
      return node;
    }) as [PeerNode<string>, PeerNode<string>];
    const connection = await b.connect(await a.listen({ host: '127.0.0.1', port: 0 }));
    await connection.closed;
    const told = (): string[] =>
      ['a', 'b', 'c'].filter((name) => inspect(log, { depth: 5 }).includes(`${name} fails`));
    await until('all are told of', () => told().length === 3);
  });
});
