import { afterEach, describe, expect, it } from '@jest/globals';
import {
  memoryTransport,
  type AcceptRequest,
  type Connection,
  type DisconnectReason,
  type Handshake,
  type HookErrorContext,
  type PeerNode,
} from '@pea2pea/core';
import {
  createPeer,
  OnAccept,
  OnConnect,
  OnDisconnect,
  OnError,
  OnHandshake,
  OnMessage,
  OnPeerEnd,
  Peer,
  type PeerHandle,
} from '@pea2pea/decorators';
import { lab, textCodec, until } from '@pea2pea/testing';
import { dialler, inMemory } from './lab.js';

const { own } = lab();

const text = textCodec();
type Call = readonly [method: string, self: unknown, ...args: unknown[]];

@Peer({ codec: text })
class Recorder {
  readonly calls: Call[] = [];
  refuses = false;
  answer: 'keep' | 'disconnect' | undefined;

  @OnAccept()
  accept(...args: [AcceptRequest]) {
    this.calls.push(['accept', this, ...args]);
    return !this.refuses;
  }

  @OnHandshake()
  async shake(...args: [Handshake]) {
    await Promise.resolve();
    this.calls.push(['shake', this, ...args]);
  }

  @OnConnect()
  greet(...args: [Connection<string>]) {
    this.calls.push(['greet', this, ...args]);
  }

  @OnMessage(text)
  read(...args: [string, Connection<string>]) {
    this.calls.push(['read', this, ...args]);
    if (args[0] === 'throw') throw new Error('not that');
  }

  @OnPeerEnd()
  over(...args: [Connection<string>]) {
    this.calls.push(['over', this, ...args]);
  }

  @OnDisconnect()
  gone(...args: [Connection<string>, DisconnectReason]) {
    this.calls.push(['gone', this, ...args]);
  }

  @OnError()
  failed(...args: [unknown, HookErrorContext<string>]) {
    this.calls.push(['failed', this, ...args]);
    return this.answer;
  }

  names(): string[] {
    return this.calls.map(([name]) => name);
  }

  call(name: string): Call {
    return this.calls.find(([method]) => method === name)!;
  }
}

describe('hook decorators', () => {
  let handle: PeerHandle<Recorder>;
  let node: PeerNode<string>;

  async function start(): Promise<Recorder> {
    const transport = memoryTransport();
    handle = own(await createPeer(Recorder, { config: inMemory(transport) }));
    node = dialler(transport);
    return handle.peer;
  }

  afterEach(async () => {
    await node.close();
    await handle.close();
  });

  it('each hook is called with its arguments, and with the peer as `this`', async () => {
    const peer = await start();
    const connection = await node.connect(handle.address!);
    await connection.send('hello');
    await until(() => peer.names().includes('read'));
    const [theirs] = handle.node.connections;
    await connection.disconnect();
    await until(() => peer.names().includes('gone'));

    expect(peer.names()).toEqual(['accept', 'shake', 'greet', 'read', 'over', 'gone']);
    for (const [, self] of peer.calls) expect(self).toBe(peer);
    const [, , request, ...noMore] = peer.call('accept');
    expect((request as AcceptRequest).localAddress).toEqual(handle.address);
    expect(noMore).toEqual([]);
    const [, , handshake, ...nothing] = peer.call('shake');
    expect((handshake as Handshake).direction).toBe('inbound');
    expect(nothing).toEqual([]);
    expect(peer.call('greet').slice(2)).toEqual([theirs]);
    expect(peer.call('read').slice(2)).toEqual(['hello', theirs]);
    expect(peer.call('over').slice(2)).toEqual([theirs]);
    expect(peer.call('gone').slice(2)).toEqual([theirs, { origin: 'reading', cause: 'ended' }]);
  });

  it('@OnAccept refuses by answering false', async () => {
    const peer = await start();
    peer.refuses = true;
    await node.connect(handle.address!);
    await until(() => node.connections.size === 0);
    expect(peer.names()).toEqual(['accept']);
  });

  it('@OnError is told the hook and the connection, and may keep it', async () => {
    const peer = await start();
    peer.answer = 'keep';
    const connection = await node.connect(handle.address!);
    await connection.send('throw');
    await connection.send('more');
    await until(() => peer.names().filter((name) => name === 'read').length === 2);
    const [theirs] = handle.node.connections;
    expect(peer.call('failed').slice(2)).toEqual([
      new Error('not that'),
      { hook: 'onMessage', connection: theirs },
    ]);
  });

  it('without an answer of @OnError a handler that throws ends its connection', async () => {
    const peer = await start();
    const connection = await node.connect(handle.address!);
    await connection.send('throw');
    await until(() => peer.names().includes('gone'));
    expect(peer.call('gone')[3]).toMatchObject({ origin: 'reading', cause: 'handler-error' });
  });

  it('a method replaced on the instance is the one that is called', async () => {
    const peer = await start();
    const seen: string[] = [];
    peer.read = (message) => void seen.push(message);
    const connection = await node.connect(handle.address!);
    await connection.send('hello');
    await until(() => seen.length > 0);
    expect(seen).toEqual(['hello']);
  });
});

describe('several methods for one hook', () => {
  it('run in the order of declaration, those of @OnDisconnect in reverse', async () => {
    const order: string[] = [];

    @Peer({ codec: text })
    class Several {
      @OnConnect()
      @OnDisconnect()
      first() {
        order.push('first');
      }

      @OnConnect()
      @OnDisconnect()
      second() {
        order.push('second');
      }
    }

    const transport = memoryTransport();
    await using node = dialler(transport);
    await using handle = own(await createPeer(Several, { config: inMemory(transport) }));
    const connection = await node.connect(handle.address!);
    await until(() => order.length === 2);
    await connection.disconnect();
    await until(() => order.length === 4);
    expect(order).toEqual(['first', 'second', 'second', 'first']);
  });
});
