import { describe, expect, it } from '@jest/globals';
import { memoryTransport, PeerNode, type AnyConnection, type Connection } from '@pea2pea/core';
import {
  createPeer,
  OnConnect,
  OnDisconnect,
  OnMessage,
  Peer,
  Plugin,
  Session,
  SessionConnection,
  sessionOf,
  waitForSession,
} from '@pea2pea/decorators';
import { Container } from 'inversify';
import { lab, peerErrorOf, textCodec, until } from '@pea2pea/testing';
import { dialler, inMemory } from './lab.js';

const { own } = lab();
const codec = textCodec();

@Session({ inject: [SessionConnection] })
class Login {
  name = 'a stranger';
  readonly connection: Connection<string>;
  constructor(connection: Connection<string>) {
    this.connection = connection;
  }
  @OnMessage((text: string) => text.startsWith('login '))
  login(text: string) {
    this.name = text.slice(6);
  }
}

@Session()
class Other {}

const seen: (string | undefined)[] = [];

@Plugin()
class Census {
  @OnMessage()
  look(_text: string, connection: Connection<string>) {
    seen.push(sessionOf(connection, Login)?.name);
  }
  @OnDisconnect()
  last(connection: Connection<string>) {
    seen.push(sessionOf(connection, Login)?.name);
  }
}

@Peer({ codec, sessions: [Login], plugins: [Census] })
class Room {
  @OnMessage()
  say(text: string, connection: Connection<string>) {
    return connection.send(`${sessionOf(connection, Login)!.name}: ${text}`);
  }
}

describe('sessionOf', () => {
  it('returns the session of a connection to the peer, its plugins, its handle and the caller of connect', async () => {
    seen.length = 0;
    const transport = memoryTransport();
    const room = own(await createPeer(Room, { config: inMemory(transport) }));
    const other = own(await createPeer(Room, { config: inMemory(transport) }));
    const outbound = await other.node.connect(room.address!);
    const login = await waitForSession(outbound, Login);
    login satisfies Login;
    expect(login.connection).toBe(outbound);
    expect(sessionOf(outbound, Login)).toBe(login);

    const node = dialler(transport);
    const heard: string[] = [];
    node.use({ onMessage: (text) => void heard.push(text) });
    const connection = await node.connect(room.address!);
    await connection.send('login ann');
    await connection.send('hello');
    await until('the room replied', () => heard.length === 1);
    expect(heard).toEqual(['ann: hello']);
    const inbound = [...room.node.connections].find(
      ({ address }) => String(address) === String(connection.localAddress),
    )!;
    expect(sessionOf(inbound, Login)).toMatchObject({ name: 'ann' });
    await connection.disconnect();
    await inbound.closed;
    expect(seen).toEqual(['a stranger', 'ann', 'ann']);
    expect(sessionOf(inbound, Login)).toBeUndefined();
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => waitForSession(inbound, Login));
  });

  it('returns undefined where the peer has no such session, and waiting rejects with the remedy', async () => {
    const transport = memoryTransport();
    const room = own(await createPeer(Room, { config: inMemory(transport) }));
    const node = dialler(transport);
    const connection = await node.connect(room.address!);
    expect(sessionOf(connection, Login)).toBeUndefined();
    const error = await peerErrorOf('P2P_ERR_NO_SESSION', () => waitForSession(connection, Login));
    expect(error.message).toContain('`sessions`');
    await until('the room has it', () => room.node.connections.size === 1);
    const [inbound] = room.node.connections;
    expect(sessionOf(inbound!, Other)).toBeUndefined();
    await peerErrorOf('P2P_ERR_NO_SESSION', () => waitForSession(inbound!, Other));
    await peerErrorOf('P2P_ERR_INVALID_SESSION', () => sessionOf(inbound!, PeerNode as never));
    await peerErrorOf('P2P_ERR_INVALID_SESSION', () => waitForSession(inbound!, 'Login' as never));
  });

  it('waits while a session is being made, and tells why it was not', async () => {
    const container = new Container();
    let finish!: (value: string | Promise<never>) => void;
    container
      .bind('word')
      .toDynamicValue(() => new Promise<string>((resolve) => (finish = resolve)))
      .inRequestScope();
    @Session({ inject: ['word'] })
    class Slow {
      readonly word: string;
      constructor(word: string) {
        this.word = word;
      }
    }
    @Peer({ codec, sessions: [Slow] })
    class Patient {}
    const transport = memoryTransport();
    const room = own(await createPeer(Room, { config: inMemory(transport) }));
    const patient = own(await createPeer(Patient, { container, config: inMemory(transport) }));
    const first = await patient.node.connect(room.address!);
    expect(sessionOf(first, Slow)).toBeUndefined();
    const waiting = waitForSession(first, Slow);
    finish('ready');
    expect((await waiting).word).toBe('ready');
    await first.disconnect();

    const second = await patient.node.connect(room.address!);
    const failing = waitForSession(second, Slow);
    finish(Promise.reject(new Error('no word today')));
    await peerErrorOf('P2P_ERR_NO_SESSION', () => failing);
    await second.closed;

    const third = await patient.node.connect(room.address!);
    const gone = waitForSession(third, Slow);
    await third.disconnect();
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => gone);
    finish('too late');
  });
});

describe('the sessions of a plugin', () => {
  const log: string[] = [];

  abstract class Counting {
    count = 0;
  }
  @Session()
  class Counter extends Counting {
    @OnConnect()
    begin() {
      log.push('counter');
    }
    @OnMessage((text: string) => text === 'count')
    async onCount(_text: string, connection: Connection<string>) {
      await connection.send(String(++this.count));
    }
  }
  @Plugin({ sessions: [Counter] })
  class Counters {
    countOf(connection: AnyConnection) {
      return sessionOf(connection, Counter)?.count;
    }
  }
  @Session({ inject: [Counter] })
  class Mine {
    readonly counter: Counter;
    constructor(counter: Counter) {
      this.counter = counter;
    }
    @OnConnect()
    begin() {
      log.push('mine');
    }
  }

  it('come before those of the peer, which may inject them', async () => {
    log.length = 0;
    @Peer({ codec, plugins: [Counters], sessions: [Mine], unmatched: 'ignore' })
    class Counted {}
    const transport = memoryTransport();
    const peer = own(await createPeer(Counted, { config: inMemory(transport) }));
    const node = dialler(transport);
    const heard: string[] = [];
    node.use({ onMessage: (text) => void heard.push(text) });
    const connection = await node.connect(peer.address!);
    await connection.send('count');
    await connection.send('count');
    await until('both were counted', () => heard.length === 2);
    expect(heard).toEqual(['1', '2']);
    expect(log).toEqual(['counter', 'mine']);
    const [inbound] = peer.node.connections;
    expect(peer.get(Counters).countOf(inbound!)).toBe(2);
    expect(sessionOf(inbound!, Mine)!.counter).toBe(sessionOf(inbound!, Counter));
  });

  it('are refused where the peer lists one, too, and where they are not sessions', async () => {
    @Peer({ codec, plugins: [Counters], sessions: [Counter] })
    class Twice {}
    const twice = await peerErrorOf('P2P_ERR_INVALID_SESSION', () => createPeer(Twice));
    expect(twice.message).toContain('Counter twice');
    @Plugin({ sessions: [Counters] })
    class Confused {}
    @Peer({ codec, plugins: [Confused] })
    class Wrong {}
    const wrong = await peerErrorOf('P2P_ERR_INVALID_SESSION', () => createPeer(Wrong));
    expect(wrong.message).toContain('Counters is not a session');
  });
});
