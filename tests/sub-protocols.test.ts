import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { json, lines } from '@pea2pea/codecs';
import {
  definePlugin,
  PeerNode,
  type AnyConnection,
  type Connection,
  type DisconnectReason,
} from '@pea2pea/core';
import { createPeer, OnMessage, Peer } from '@pea2pea/decorators';
import { goodbyeOf, protocol, protocols, withProtocols, type Goodbye, type Protocol } from '@pea2pea/streams';
import { lab, peerErrorOf, recordingLogger, until, type LogLine } from '@pea2pea/testing';

const { own } = lab();
const HERE = { host: '127.0.0.1', port: 0 };

interface Rumour {
  readonly rumour: string;
}

/** By one author: JSON, two versions, a hello. */
class Gossip {
  static readonly plugin = { name: 'gossip', needs: ['protocols'] };
  readonly log: string[] = [];
  readonly channel: Protocol<Rumour>;
  constructor(node: PeerNode<unknown>, { versions = [1, 2], required = false } = {}) {
    this.channel = protocol<Rumour>(node, {
      name: 'acme/gossip',
      versions,
      required,
      codec: json<Rumour>(),
      hello: { knows: versions.length },
      onOpen: (_connection, { version, hello }) =>
        void this.log.push(`open ${version} ${JSON.stringify(hello)}`),
      onMessage: ({ rumour }) => void this.log.push(rumour),
      onClose: () => void this.log.push('close'),
    });
  }
}
const gossip = definePlugin(Gossip);

/** By another: a codec with state for each version, replies, promises. */
class Ping {
  static readonly plugin = { name: 'ping', needs: ['protocols'] };
  readonly pongs: string[] = [];
  readonly #channel: Protocol<string>;
  constructor(node: PeerNode<unknown>) {
    this.#channel = protocol<string>(node, {
      name: 'ping',
      versions: [1],
      codec: (version) => lines({ maxLength: 10 * version }),
      onMessage: async (message, connection) => {
        await Promise.resolve();
        if (message.startsWith('ping')) await this.#channel.send(connection, message.replace('ping', 'pong'));
        else this.pongs.push(message);
      },
    });
  }
  ping(connection: AnyConnection, text: string): Promise<void> {
    return this.#channel.send(connection, `ping ${text}`);
  }
}
const ping = definePlugin(Ping);

const codec = withProtocols(lines());

function nodeWith(...plugins: Parameters<PeerNode<string>['use']>[0][]) {
  const messages: string[] = [];
  const reasons: DisconnectReason[] = [];
  const log: LogLine[] = [];
  const node = own(new PeerNode<string>({ codec, logger: recordingLogger(log) }));
  node.use(protocols());
  for (const plugin of plugins) node.use(plugin);
  node.use({
    onMessage: (message) => void messages.push(message),
    onDisconnect: (_connection, reason) => void reasons.push(reason),
  });
  return { node, messages, reasons, log };
}

describe('plugins of two authors on one connection', () => {
  it('each have messages of their own, beside those of the node, in order', async () => {
    const [a, b] = [nodeWith(gossip(), ping()), nodeWith(ping(), gossip())];
    const connection = await b.node.connect(await a.node.listen(HERE));
    const [rumours, pings] = [b.node.plugin(gossip), b.node.plugin(ping)];
    await connection.send('hello');
    await rumours.channel.send(connection, { rumour: 'it rains' });
    await pings.ping(connection, 'one');
    await connection.send('bye');
    await until('the pong came', () => pings.pongs.length === 1);
    await until('all arrived', () => a.messages.length === 2);
    expect(a.messages).toEqual(['hello', 'bye']);
    expect(a.node.plugin(gossip).log).toEqual(['open 2 {"knows":2}', 'it rains']);
    expect(pings.pongs).toEqual(['pong one']);
    expect(rumours.channel.with(connection)).toMatchObject({ version: 2, hello: { knows: 2 } });
    expect(b.messages).toEqual([]);
    await connection.disconnect();
    expect(rumours.log).toEqual(['open 2 {"knows":2}', 'close']);
  });

  it('agree on the highest version that both speak', async () => {
    const [a, b] = [nodeWith(gossip({ versions: [1, 2, 3] })), nodeWith(gossip({ versions: [2, 1] }))];
    const connection = await b.node.connect(await a.node.listen(HERE));
    expect(b.node.plugin(gossip).channel.with(connection)!.version).toBe(2);
  });

  it('do without a protocol that one side does not have, or not in a common version', async () => {
    for (const other of [[ping()], [ping(), gossip({ versions: [7] })]]) {
      const [a, b] = [nodeWith(gossip(), ping()), nodeWith(...other)];
      const connection = await a.node.connect(await b.node.listen(HERE));
      const { channel, log } = a.node.plugin(gossip);
      expect(channel.with(connection)).toBeUndefined();
      await peerErrorOf('P2P_ERR_PROTOCOL_ABSENT', () => channel.send(connection, { rumour: 'psst' }));
      await a.node.plugin(ping).ping(connection, 'x');
      await until('the pong came', () => a.node.plugin(ping).pongs.length === 1);
      expect(log).toEqual([]);
    }
  });

  it('refuse a connection without a protocol that either side requires, and both say why', async () => {
    for (const [ours, theirs, why] of [
      [[gossip({ required: true })], [], /acme\/gossip/],
      [[], [gossip({ required: true })], /requires acme\/gossip/],
      [[gossip({ required: true })], [gossip({ versions: [7] })], /speaks 1, 2; the peer speaks 7/],
    ] as const) {
      const [a, b] = [nodeWith(...ours), nodeWith(...theirs)];
      const address = await b.node.listen(HERE);
      const error = await peerErrorOf('P2P_ERR_PROTOCOL_MISMATCH', () => a.node.connect(address));
      expect(error.message).toMatch(why);
      await until('the other side knows, too', () => b.node.heuristics.handshakeFailures === 1);
      expect(b.log.at(-1)!.fields).toMatchObject({ code: 'P2P_ERR_PROTOCOL_MISMATCH' });
    }
  });

  it('broadcast messages of the node as before', async () => {
    const [a, b, c] = [nodeWith(gossip()), nodeWith(gossip(), ping()), nodeWith()];
    const address = await a.node.listen(HERE);
    await b.node.connect(address);
    await c.node.connect(address);
    await until('both are there', () => a.node.connections.size === 2);
    a.node.broadcast('to all');
    await until('both heard', () => b.messages.length + c.messages.length === 2);
    expect([b.messages, c.messages]).toEqual([['to all'], ['to all']]);
  });

  it('belong to an annotated peer as to any node', async () => {
    @Peer({ codec, listen: HERE, plugins: [protocols(), gossip(), ping()] })
    class Room {
      readonly heard: string[] = [];
      @OnMessage()
      hear(text: string) {
        this.heard.push(text);
      }
    }
    const room = own(await createPeer(Room));
    const b = nodeWith(gossip());
    const connection = await b.node.connect(room.address!);
    await b.node.plugin(gossip).channel.send(connection, { rumour: 'it snows' });
    await connection.send('hi');
    await until('it came', () => room.peer.heard.length === 1);
    expect(room.get(Gossip).log.at(-1)).toBe('it snows');
  });
});

describe('a goodbye', () => {
  it.each([
    [
      'disconnect',
      (connection: Connection<string>) => connection.disconnect('too late'),
      { why: 'too late' },
    ],
    ['close', (_connection: unknown, node: PeerNode<string>) => node.close(), { why: 'shutdown' }],
  ])('of %s is read by the other side', async (_what, end, goodbye) => {
    const [a, b] = [nodeWith(gossip()), nodeWith(gossip())];
    const heard: Goodbye[] = [];
    a.node.plugin(protocols).events.on('goodbye', (_connection, said) => void heard.push(said));
    const connection = await b.node.connect(await a.node.listen(HERE));
    await until('it is there', () => a.node.connections.size === 1);
    const [inbound] = a.node.connections;
    expect(goodbyeOf(inbound!)).toBeUndefined();
    await end(connection, b.node);
    await inbound!.closed;
    expect(goodbyeOf(inbound!)).toEqual(goodbye);
    expect(heard).toEqual([goodbye]);
    expect(a.reasons).toEqual([{ origin: 'reading', cause: 'ended' }]);
  });

  it('names the code of an error, and nothing of the inside of this side', async () => {
    const [a, b] = [nodeWith(gossip()), nodeWith(gossip())];
    a.node.use({
      onConnect(connection) {
        if (connection.direction === 'inbound') throw new Error('the password of the database is 1234');
      },
    });
    const connection = await b.node.connect(await a.node.listen(HERE));
    await connection.closed;
    expect(goodbyeOf(connection)).toEqual({ why: 'on-connect' });
  });
});

describe('what is refused', () => {
  it('two plugins with one protocol, when the second is used', async () => {
    class Copycat {
      static readonly plugin = { name: 'copycat', needs: ['protocols'] };
      constructor(node: PeerNode<unknown>) {
        protocol(node, { name: 'acme/gossip', versions: [1], codec: lines(), onMessage() {} });
      }
    }
    const error = await peerErrorOf('P2P_ERR_PROTOCOL_TAKEN', () =>
      nodeWith(gossip(), definePlugin(Copycat)()),
    );
    expect(error.message).toMatch(/acme\/gossip.*another name/);
  });

  it('a protocol without the plugin, a codec without them, one that comes late, one that makes no sense', async () => {
    const lonely = own(new PeerNode({ codec })).use(gossip());
    await peerErrorOf('P2P_ERR_MISSING_PLUGIN', () => lonely.listen(HERE));
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => own(new PeerNode({ codec: lines() })).use(protocols()));
    const late = nodeWith().node;
    await late.listen(HERE);
    const sound = { name: 'x', versions: [1], codec: lines(), onMessage() {} };
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => protocol(late as PeerNode<unknown>, sound));
    for (const wrong of [
      { name: 'a b' },
      { versions: [] },
      { versions: [1.5] },
      { codec: {} },
      { onMessage: 1 },
      { tag: 1 },
    ]) {
      await peerErrorOf('P2P_ERR_INVALID_CONFIG', () =>
        protocol(nodeWith().node as PeerNode<unknown>, { ...sound, ...wrong } as never),
      );
    }
  });

  it.each([
    ['no hello', 'GET / HTTP/1.1\r\n\r\n'],
    ['a hello that is not JSON', '\0\0\0\x02{]'],
    ['a hello without a list', '\0\0\0\x02{}'],
    ['a protocol without versions', '\0\0\0\x1d{"protocols":[{"name":"ping"}'],
  ])('%s', async (_what, wire) => {
    const a = nodeWith(gossip());
    const { port } = await a.node.listen(HERE);
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    socket.end(wire, 'latin1');
    await until('it was refused', () => a.node.heuristics.handshakeFailures === 1);
    expect(a.log.at(-1)!.fields).toMatchObject({ code: 'P2P_ERR_PROTOCOL_MISMATCH' });
    socket.destroy();
  });

  it.each([
    ['a protocol that was not negotiated', [9, 0, 0, 0, 1, 0]],
    ['a length over the limit', [0, 0x7f, 0, 0, 0]],
    ['a frame without a message', [0, 0, 0, 0, 0]],
    ['a frame with half a message', [0, 0, 0, 0, 1, 0x61]],
    ['a frame with two messages', [0, 0, 0, 0, 4, 0x61, 0x0a, 0x62, 0x0a]],
  ])('%s', async (_what, frame) => {
    const a = nodeWith(gossip());
    const { port } = await a.node.listen(HERE);
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    const hello = Buffer.from('{"protocols":[]}');
    socket.write(Buffer.concat([Buffer.of(0, 0, 0, hello.length), hello, Buffer.from(frame)]));
    await until('it ended', () => a.reasons.length === 1);
    expect(a.reasons).toMatchObject([{ origin: 'reading', cause: 'invalid-frame' }]);
    socket.destroy();
  });
});
