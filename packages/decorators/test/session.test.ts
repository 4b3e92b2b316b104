import { describe, expect, it } from '@jest/globals';
import {
  memoryTransport,
  PeerNode,
  type Connection,
  type DisconnectReason,
  type AnyConnection,
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
  OnStart,
  OnStop,
  Peer,
  Plugin,
  Session,
  SessionConnection,
} from '@pea2pea/decorators';
import { Container, ContainerModule, decorate, inject, injectable } from 'inversify';
import {
  lab,
  never,
  peerErrorOf,
  recordingLogger,
  textCodec,
  turn,
  until,
  type LogLine,
} from '@pea2pea/testing';
import { dialler, inMemory } from './lab.js';
import { talkTo } from './message-lab.js';

const { own } = lab();

const codec = textCodec();

@Session({ inject: [SessionConnection] })
class Counter {
  static readonly disposed: Counter[] = [];
  readonly connection: Connection<string>;
  readonly seen: string[] = [];
  constructor(connection: Connection<string>) {
    this.connection = connection;
  }
  @OnMessage()
  async count(text: string, connection: Connection<string>) {
    this.seen.push(text);
    await connection.send(`${this.seen.length}`);
  }
  [Symbol.dispose]() {
    Counter.disposed.push(this);
  }
}

@Peer({ codec, sessions: [Counter] })
class Counting {}

/** Two connections to a peer, and what each was answered. */
async function twoOn<T extends object>(Class: new () => T, container = new Container()) {
  const transport = memoryTransport();
  const handle = own(await createPeer(Class, { container, config: inMemory(transport) }));
  const answers: string[][] = [];
  const nodes: PeerNode<string>[] = [];
  const connections: Connection<string>[] = [];
  for (const index of [0, 1]) {
    const node = dialler(transport);
    answers.push([]);
    node.use({ onMessage: (text) => void answers[index]!.push(text) });
    nodes.push(node);
    connections.push(await node.connect(handle.address!));
  }
  return {
    handle,
    answers,
    connections: connections as [Connection<string>, Connection<string>],
    async [Symbol.asyncDispose]() {
      await Promise.all([handle, ...nodes].map((one) => one.close()));
    },
  };
}

describe('sessions', () => {
  it('live once for each connection, with that connection', async () => {
    await using two = await twoOn(Counting);
    const [one, other] = two.connections;
    for (const text of ['a', 'b']) await one.send(text);
    await other.send('c');
    await until(() => two.answers[0]!.length === 2 && two.answers[1]!.length === 1);
    expect(two.answers).toEqual([['1', '2'], ['1']]);
  });

  it('are disposed of after the last onDisconnect, and the close of the peer waits for it', async () => {
    const order: string[] = [];
    @Session()
    class Ends {
      @OnDisconnect()
      gone(_connection: AnyConnection, reason: DisconnectReason) {
        order.push(`session hears of ${reason.origin}`);
      }
      async [Symbol.asyncDispose]() {
        await new Promise((resolve) => setImmediate(resolve));
        order.push('disposed');
      }
    }
    @Peer({ codec, sessions: [Ends] })
    class Host {
      @OnDisconnect()
      gone() {
        order.push('peer');
      }
    }
    await using talk = await talkTo(Host);
    await until(() => talk.handle.node.connections.size === 1);
    await talk.handle.close();
    expect(order).toEqual(['peer', 'session hears of shutdown', 'disposed']);
  });

  it('are told that their peer has ended its half, once they are made, and before the peer class is', async () => {
    const order: string[] = [];
    class Slow {}
    const container = new Container();
    container.bind(Slow).toDynamicValue(async () => {
      await turn(3);
      order.push('made');
      return new Slow();
    });
    @Session({ inject: [Slow] })
    class Ends {
      constructor(_slow: Slow) {}
      @OnPeerEnd()
      async over(connection: Connection<string>) {
        order.push('session');
        await connection.send('all of it');
      }
    }
    @Peer({ codec, sessions: [Ends] })
    class Host {
      @OnPeerEnd()
      over(connection: AnyConnection) {
        order.push(`peer: ${connection.state}`);
      }
    }
    await using two = await twoOn(Host, container);
    const [one] = two.connections;
    await one.end();
    expect(await one.closed).toEqual({ origin: 'reading', cause: 'ended' });
    expect(two.answers[0]).toEqual(['all of it']);
    expect(order.filter((step) => step !== 'made')).toEqual(['session', 'peer: open']);
    expect(order.indexOf('made')).toBeLessThan(order.indexOf('session'));
  });
});

class Audit {
  static made = 0;
  readonly connection: AnyConnection;
  constructor(connection: AnyConnection) {
    Audit.made++;
    this.connection = connection;
  }
}
decorate(injectable(), Audit);
decorate(inject(SessionConnection), Audit, 0);

describe('what belongs to a connection', () => {
  @Session({ inject: [Audit] })
  class Audited {
    readonly audit: Audit;
    constructor(audit: Audit) {
      this.audit = audit;
    }
    @OnMessage()
    async who(_text: string, connection: Connection<string>) {
      await connection.send(this.audit.connection === connection ? 'mine' : 'of somebody else');
    }
  }
  @Peer({ codec, sessions: [Audited] })
  class Host {}

  it('is refused to a singleton at boot: no connection is served another one', async () => {
    const container = new Container();
    container.bind(Audit).toSelf().inSingletonScope();
    const error = await peerErrorOf('P2P_ERR_CAPTIVE_DEPENDENCY', () => createPeer(Host, { container }));
    expect(error.message).toContain(
      'the singleton Audit depends on what belongs to one connection: Audit -> SessionConnection',
    );
  });

  it.each(['inRequestScope', 'inTransientScope'] as const)('is given to what is bound %s', async (scope) => {
    const container = new Container();
    container.bind(Audit).toSelf()[scope]();
    await using two = await twoOn(Host, container);
    for (const connection of two.connections) await connection.send('who?');
    await until(() => two.answers.every((answers) => answers.length === 1));
    expect(two.answers).toEqual([['mine'], ['mine']]);
  });

  it('is refused to a factory that asks for it by itself', async () => {
    const container = new Container();
    container
      .bind(Audit)
      .toDynamicValue((context) => new Audit(context.get(SessionConnection)))
      .inSingletonScope();
    const failed: unknown[] = [];
    @Peer({ codec, sessions: [Audited] })
    class Watching {
      @OnError()
      note(error: unknown) {
        failed.push(error);
      }
    }
    const transport = memoryTransport();
    await using handle = own(await createPeer(Watching, { container, config: inMemory(transport) }));
    await using node = dialler(transport);
    await node.connect(handle.address!);
    await until(() => failed.length === 1);
    expect(failed[0]).toMatchObject({ code: 'P2P_ERR_CAPTIVE_DEPENDENCY' });
    expect(String(failed[0])).toContain('name it in toResolvedValue(…, [SessionConnection])');
  });

  it('is refused to the peer itself', async () => {
    @Peer({ codec, inject: [SessionConnection] })
    class Greedy {
      constructor(_connection: Connection<string>) {}
    }
    const error = await peerErrorOf('P2P_ERR_CAPTIVE_DEPENDENCY', () => createPeer(Greedy));
    expect(error.message).toContain('SessionConnection belongs to one connection');
  });
});

/** A peer with `Class` for its session, which was dialled. */
async function hosting(
  Class: new (...args: never) => object,
  container = new Container(),
  onError: (error: unknown) => 'keep' | void = () => undefined,
) {
  @Peer({ codec, sessions: [Class] })
  class Host {
    readonly seen: string[] = [];
    readonly errors: unknown[] = [];
    @OnMessage()
    rest(text: string) {
      this.seen.push(text);
    }
    @OnError()
    failed(error: unknown) {
      this.errors.push(error);
      return onError(error);
    }
  }
  const transport = memoryTransport();
  const handle = own(await createPeer(Host, { container, config: inMemory(transport) }));
  const node = dialler(transport);
  const answers: string[] = [];
  node.use({ onMessage: (text) => void answers.push(text) });
  const connection = await node.connect(handle.address!);
  return {
    handle,
    peer: handle.peer,
    answers,
    connection,
    async [Symbol.asyncDispose]() {
      await Promise.all([handle.close(), node.close()]);
    },
  };
}

describe('messages', () => {
  it('go to the sessions first, then to the peer: one takes each', async () => {
    @Session()
    class Picks {
      @OnMessage((text: string) => text.startsWith('!'))
      async command(text: string, connection: Connection<string>) {
        await connection.send(`did ${text}`);
      }
    }
    await using host = await hosting(Picks);
    for (const text of ['!a', 'b', '!c', 'd']) await host.connection.send(text);
    await until(() => host.peer.seen.length === 2 && host.answers.length === 2);
    expect([host.answers, host.peer.seen]).toEqual([
      ['did !a', 'did !c'],
      ['b', 'd'],
    ]);
  });

  it('wait while the session is being made, and keep their order', async () => {
    class Slow {}
    const container = new Container();
    let open!: (slow: Slow) => void;
    container.bind(Slow).toDynamicValue(() => new Promise<Slow>((resolve) => (open = resolve)));
    const order: string[] = [];
    @Session({ inject: [Slow] })
    class Waits {
      constructor(_slow: Slow) {
        order.push('made');
      }
      @OnConnect()
      connected() {
        order.push('connected');
      }
      @OnMessage()
      heard(text: string) {
        order.push(text);
      }
    }
    @Peer({ codec, sessions: [Waits] })
    class Host {}
    const transport = memoryTransport();
    await using handle = own(await createPeer(Host, { container, config: inMemory(transport) }));
    await using node = dialler(transport);
    const connection = await node.connect(handle.address!);
    for (const text of ['a', 'b']) await connection.send(text);
    await until(() => handle.node.stats.messagesReceived > 0 && open !== undefined);
    expect(order).toEqual([]);
    open(new Slow());
    await until(() => order.length === 4);
    expect(order).toEqual(['made', 'connected', 'a', 'b']);
  });

  it('that wait are dropped where an onConnect of the session throws at once', async () => {
    class Slow {}
    const container = new Container();
    let open!: (slow: Slow) => void;
    container.bind(Slow).toDynamicValue(() => new Promise<Slow>((resolve) => (open = resolve)));
    @Session({ inject: [Slow] })
    class Refuses {
      constructor(_slow: Slow) {}
      @OnConnect()
      connected() {
        throw new Error('not you');
      }
    }
    await using host = await hosting(Refuses, container);
    await host.connection.send('hello');
    await until(() => host.handle.node.stats.messagesReceived === 1 && open !== undefined);
    open(new Slow());
    await host.connection.closed;
    await until(() => host.handle.node.connections.size === 0);
    expect(host.peer.errors).toMatchObject([{ message: 'not you' }]);
    expect(host.peer.seen).toEqual([]);
  });

  it('a catch-all of a session that leaves the peer none is refused at boot', async () => {
    @Session()
    class Greedy {
      @OnMessage()
      all() {}
    }
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => hosting(Greedy));
    expect(error.message).toContain('Greedy.all() and Host.rest() both take every message');
  });
});

describe('the life of a session', () => {
  it('one that cannot be made ends its connection, and only that; nothing else of it runs', async () => {
    let made = 0;
    const ran: string[] = [];
    @Session()
    class Fragile {
      constructor() {
        if (++made === 1) throw new Error('not this time');
      }
      @OnMessage((text: string) => text === 'who')
      async answer(_text: string, connection: Connection<string>) {
        await connection.send('second');
      }
      @OnDisconnect()
      gone() {
        ran.push('gone');
      }
    }
    const transport = memoryTransport();
    @Peer({ codec, sessions: [Fragile] })
    class Host {
      readonly reasons: DisconnectReason[] = [];
      @OnDisconnect()
      gone(_connection: AnyConnection, reason: DisconnectReason) {
        this.reasons.push(reason);
      }
    }
    await using handle = own(await createPeer(Host, { config: inMemory(transport) }));
    await using first = dialler(transport);
    await first.connect(handle.address!);
    await until(() => handle.peer.reasons.length === 1);
    expect(handle.peer.reasons[0]).toMatchObject({
      origin: 'on-connect',
      error: { message: 'not this time' },
    });
    expect(ran).toEqual([]);
    await using second = dialler(transport);
    const heard: string[] = [];
    second.use({ onMessage: (text) => void heard.push(text) });
    const connection = await second.connect(handle.address!);
    await connection.send('who');
    await until(() => heard.length === 1);
  });

  it('where onError keeps a connection without its session, its messages fail with a code', async () => {
    @Session()
    class Never {
      constructor() {
        throw new Error('never');
      }
      @OnMessage((text: string) => text === 'x')
      take() {}
    }
    const errors: unknown[] = [];
    await using host = await hosting(Never, new Container(), (error) => {
      errors.push(error);
      return 'keep';
    });
    await until(() => errors.length === 1);
    await host.connection.send('x');
    await until(() => errors.length === 2);
    expect(errors[1]).toMatchObject({ code: 'P2P_ERR_NO_SESSION', cause: { message: 'never' } });
  });

  it('where making it fails later, messages that wait are dropped, and the reason is the true one', async () => {
    class Database {}
    const container = new Container();
    let fail!: (error: Error) => void;
    container.bind(Database).toDynamicValue(() => new Promise((_, reject) => (fail = reject)));
    @Session({ inject: [Database] })
    class Login {
      constructor(_database: Database) {}
      @OnMessage((text: string) => text === 'login')
      login() {}
    }
    const reasons: DisconnectReason[] = [];
    @Peer({ codec, sessions: [Login] })
    class Host {
      readonly seen: string[] = [];
      @OnMessage()
      rest(text: string) {
        this.seen.push(text);
      }
      @OnDisconnect()
      gone(_connection: AnyConnection, reason: DisconnectReason) {
        reasons.push(reason);
      }
    }
    const transport = memoryTransport();
    await using handle = own(await createPeer(Host, { container, config: inMemory(transport) }));
    await using node = dialler(transport);
    const connection = await node.connect(handle.address!);
    await connection.send('delete everything');
    await until(() => handle.node.stats.messagesReceived === 1 && fail !== undefined);
    fail(new Error('the database is down'));
    await until(() => reasons.length === 1);
    expect(reasons[0]).toMatchObject({ origin: 'on-connect', error: { message: 'the database is down' } });
    expect(handle.peer.seen).toEqual([]);
  });

  it('where a plugin keeps a connection whose making fails later, messages that wait fail with a code', async () => {
    class Database {}
    const container = new Container();
    let fail!: (error: Error) => void;
    container.bind(Database).toDynamicValue(() => new Promise((_, reject) => (fail = reject)));
    @Session({ inject: [Database] })
    class Login {
      constructor(_database: Database) {}
      @OnMessage((text: string) => text === 'login')
      login() {}
    }
    @Plugin()
    class Keeps {
      @OnError()
      keep() {
        return 'keep' as const;
      }
    }
    const told: unknown[] = [];
    @Peer({ codec, plugins: [Keeps], sessions: [Login] })
    class Host {
      @OnMessage()
      rest() {}
      @OnError()
      note(error: unknown) {
        told.push(error);
      }
    }
    const transport = memoryTransport();
    await using handle = await createPeer(Host, { container, config: inMemory(transport) });
    await using node = dialler(transport);
    const connection = await node.connect(handle.address!);
    await connection.send('hello');
    await until(() => handle.node.stats.messagesReceived === 1 && fail !== undefined);
    fail(new Error('the database is down'));
    await until(() => told.length === 2);
    expect(told[0]).toMatchObject({ message: 'the database is down' });
    expect(told[1]).toMatchObject({ code: 'P2P_ERR_NO_SESSION', cause: told[0] });
    expect(connection.state).toBe('open');
  });

  it('those that were made are disposed of though a later one fails', async () => {
    let disposed = 0;
    @Session()
    class Early {
      [Symbol.dispose]() {
        disposed++;
      }
    }
    @Session()
    class Fails {
      constructor() {
        throw new Error('no luck');
      }
    }
    @Peer({ codec, sessions: [Early, Fails] })
    class Host {}
    const transport = memoryTransport();
    await using handle = own(await createPeer(Host, { config: inMemory(transport) }));
    await using node = dialler(transport);
    await (
      await node.connect(handle.address!)
    ).closed;
    await until(() => disposed === 1);
  });

  it('the close of the peer waits for one that is being made, and disposes of it before what it holds', async () => {
    const order: string[] = [];
    class Database {
      [Symbol.dispose]() {
        order.push('database closed');
      }
    }
    class Slow {}
    let open!: (slow: Slow) => void;
    const bindings = new ContainerModule(({ bind }) => {
      bind(Database)
        .toDynamicValue(() => new Database())
        .inSingletonScope();
      bind(Slow).toDynamicValue(() => new Promise<Slow>((resolve) => (open = resolve)));
    });
    @Session({ inject: [Database, Slow] })
    class Late {
      constructor(_database: Database, _slow: Slow) {}
      [Symbol.dispose]() {
        order.push('session disposed of');
      }
    }
    @Peer({ codec, sessions: [Late] })
    class Host {}
    const transport = memoryTransport();
    const handle = own(await createPeer(Host, { bindings, config: inMemory(transport) }));
    await using node = dialler(transport);
    await node.connect(handle.address!);
    await until(() => open !== undefined);
    const closing = handle.close();
    await until(() => handle.node.state === 'closed');
    open(new Slow());
    await closing;
    expect(order).toEqual(['session disposed of', 'database closed']);
  });

  it('one that is never made does not outlive its connection, nor hold up the close for ever', async () => {
    class Hangs {}
    const container = new Container();
    container.bind(Hangs).toDynamicValue(() => new Promise<Hangs>(() => {}));
    @Session({ inject: [Hangs] })
    class Never {
      constructor(_hangs: Hangs) {}
    }
    @Peer({ codec, sessions: [Never] })
    class Host {}
    const transport = memoryTransport();
    const config = { ...inMemory(transport), closeTimeoutMs: 50 };
    const handle = own(await createPeer(Host, { container, config }));
    await using node = dialler(transport);
    await (await node.connect(handle.address!)).disconnect();
    await handle.close();
    expect(handle.node.state).toBe('closed');
  });

  it('one whose connection ends while it is made is disposed of, and never hears of it', async () => {
    class Slow {}
    const container = new Container();
    let open!: (slow: Slow) => void;
    container.bind(Slow).toDynamicValue(() => new Promise<Slow>((resolve) => (open = resolve)));
    const ran: string[] = [];
    @Session({ inject: [Slow] })
    class Late {
      constructor(_slow: Slow) {}
      @OnConnect()
      connected() {
        ran.push('connected');
      }
      @OnDisconnect()
      gone() {
        ran.push('gone');
      }
      [Symbol.dispose]() {
        ran.push('disposed of');
      }
    }
    await using host = await hosting(Late, container);
    await until(() => open !== undefined);
    await host.connection.disconnect();
    await until(() => host.handle.node.connections.size === 0);
    open(new Slow());
    await until(() => ran.length === 1);
    expect(ran).toEqual(['disposed of']);
  });

  it('its onError decides about its own connection', async () => {
    @Session()
    class Keeps {
      @OnMessage((text: string) => text === 'bad')
      bad() {
        throw new Error('bad');
      }
      @OnMessage((text: string) => text === 'good')
      async good(_text: string, connection: Connection<string>) {
        await connection.send('still here');
      }
      @OnError()
      keep(): 'keep' {
        return 'keep';
      }
    }
    await using host = await hosting(Keeps);
    for (const text of ['bad', 'good']) await host.connection.send(text);
    await until(() => host.answers.length === 1);
  });

  it('sessions of a connection share each other, and what is bound in request scope', async () => {
    class Account {
      name = 'nobody';
    }
    @Session({ inject: [Account] })
    class Login {
      readonly account: Account;
      constructor(account: Account) {
        this.account = account;
      }
      @OnMessage((text: string) => text.startsWith('i am '))
      login(text: string) {
        this.account.name = text.slice('i am '.length);
      }
    }
    @Session({ inject: [Login, Account] })
    class Talk {
      readonly login: Login;
      readonly account: Account;
      constructor(login: Login, account: Account) {
        this.login = login;
        this.account = account;
      }
      @OnMessage()
      async say(_text: string, connection: Connection<string>) {
        await connection.send(`${this.account.name} ${this.login.account === this.account}`);
      }
    }
    @Peer({ codec, sessions: [Login, Talk] })
    class Host {}
    const container = new Container();
    container
      .bind(Account)
      .toDynamicValue(() => new Account())
      .inRequestScope();
    await using two = await twoOn(Host, container);
    await two.connections[0].send('i am ann');
    for (const connection of two.connections) await connection.send('who?');
    await until(() => two.answers.every((answers) => answers.length === 1));
    expect(two.answers).toEqual([['ann true'], ['nobody true']]);
  });

  it('nothing of a thousand connections is left', async () => {
    Counter.disposed.length = 0;
    const transport = memoryTransport();
    const handle = own(
      await createPeer(Counting, {
        config: { ...inMemory(transport), maxConnectionsPerIp: 2_000, maxConnections: 2_000 },
      }),
    );
    await using node = dialler(transport);
    for (let index = 0; index < 1_000; index++) {
      await (await node.connect(handle.address!)).disconnect();
    }
    await until(() => Counter.disposed.length === 1_000);
    await handle.close();
    expect(new Set(Counter.disposed).size).toBe(1_000);
  });
});

/** What hook methods do; nothing where it is left out. */
interface Doings {
  readonly connect?: (connection: AnyConnection) => unknown;
  readonly disconnect?: () => unknown;
  readonly error?: (error: unknown) => unknown;
}

/** Peers with sessions whose hook methods do `one`, then `two`. */
const HOSTS = {
  'two sessions': (one: Doings, two: Doings) => {
    @Session()
    class One extends Doing(one) {}
    @Session()
    class Two extends Doing(two) {}
    return hostOf(One, Two);
  },
  'one session': (one: Doings, two: Doings) => {
    @Session()
    class Both extends Doing(one) {
      @OnConnect()
      alsoConnect(connection: AnyConnection) {
        return two.connect?.(connection) as undefined;
      }
      @OnDisconnect()
      alsoDisconnect() {
        return two.disconnect?.() as undefined;
      }
      @OnError()
      alsoFailed(error: unknown) {
        return two.error?.(error) as undefined;
      }
    }
    return hostOf(Both);
  },
};

function Doing(doings: Doings) {
  class Does {
    @OnConnect()
    connect(connection: AnyConnection) {
      return doings.connect?.(connection) as undefined;
    }
    @OnDisconnect()
    disconnect() {
      return doings.disconnect?.() as undefined;
    }
    @OnError()
    failed(error: unknown) {
      return doings.error?.(error) as undefined;
    }
  }
  return Does;
}

function hostOf(...sessions: (new () => object)[]) {
  @Peer({ codec, sessions })
  class Host {
    readonly heard: string[] = [];
    readonly told: unknown[] = [];
    @OnMessage()
    hear(text: string) {
      this.heard.push(text);
      if (text === 'bad') throw new Error(text);
    }
    @OnError()
    failed(error: unknown) {
      this.told.push(error);
    }
  }
  return Host;
}

describe.each(Object.entries(HOSTS))('several methods of a hook, in %s', (_place, host) => {
  async function talking(one: Doings, two: Doings) {
    const log: LogLine[] = [];
    const talk = await talkTo(host(one, two), { codec, logger: recordingLogger(log) });
    return {
      ...talk,
      logged: (text: string) =>
        log.filter((line) => line.text === text).map(({ fields }) => String(fields['err'])),
    };
  }
  const throws = (what: string) => () => {
    throw new Error(what);
  };
  const rejects = (what: string) => () => Promise.reject(new Error(what));

  it('each onError is told though one before it throws, and what it decides holds', async () => {
    const told: unknown[] = [];
    await using talk = await talking(
      { error: throws('no opinion') },
      {
        error: (error) => {
          told.push(error);
          return 'keep';
        },
      },
    );
    for (const text of ['bad', 'good']) await talk.connection.send(text);
    await until(() => talk.peer.heard.length === 2);
    expect(told).toMatchObject([{ message: 'bad' }]);
    expect(talk.logged('onError threw')).toEqual(['Error: no opinion']);
  });

  it('a value that is not a decision leaves the decision to the next onError', async () => {
    await using talk = await talking({ error: () => true }, { error: () => 'keep' });
    for (const text of ['bad', 'good']) await talk.connection.send(text);
    await until(() => talk.peer.heard.length === 2);
  });

  it('what the promise of any onError rejects with is logged, and ends no process', async () => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', listener);
    try {
      await using talk = await talking({ error: rejects('one') }, { error: rejects('two') });
      await talk.connection.send('bad');
      await talk.connection.closed;
      await turn(3);
      expect(unhandled).toEqual([]);
      expect(talk.logged('onError threw')).toEqual(['Error: one', 'Error: two']);
    } finally {
      process.off('unhandledRejection', listener);
    }
  });

  it.each([
    ['throws', throws],
    ['rejects', rejects],
  ] as const)('each onConnect that %s is told, logged and counted', async (_how, fails) => {
    await using talk = await talking(
      { connect: fails('one'), error: () => 'keep' },
      { connect: fails('two') },
    );
    await until(() => talk.handle.node.heuristics.hookErrors === 2);
    expect(talk.peer.told).toMatchObject([{ message: 'one' }, { message: 'two' }]);
    expect(talk.logged('onConnect threw; onError keeps the connection')).toEqual([
      'Error: one',
      'Error: two',
    ]);
    expect(talk.connection.state).toBe('open');
  });

  it.each([
    ['throws', throws],
    ['rejects', rejects],
  ] as const)('each onDisconnect that %s is told, logged and counted, in reverse', async (_how, fails) => {
    await using talk = await talking({ disconnect: fails('one') }, { disconnect: fails('two') });
    await talk.connection.disconnect();
    await until(() => talk.handle.node.connections.size === 0);
    expect(talk.peer.told).toMatchObject([{ message: 'two' }, { message: 'one' }]);
    expect(talk.logged('onDisconnect threw')).toEqual(['Error: two', 'Error: one']);
    expect(talk.handle.node.heuristics.hookErrors).toBe(2);
  });

  it('an onDisconnect that never settles keeps none from hearing of the end', async () => {
    let heard = false;
    const Host = host({ disconnect: () => void (heard = true) }, { disconnect: never });
    await using talk = await talkTo(Host, { codec, onDisconnectTimeoutMs: 20 });
    await talk.connection.disconnect();
    await until(() => talk.handle.node.connections.size === 0);
    expect(heard).toBe(true);
  });

  it('where an onConnect ends the connection, later ones hear neither of it nor of its end', async () => {
    const order: string[] = [];
    const notes = (name: string) => ({ disconnect: () => void order.push(`${name} hears of the end`) });
    await using talk = await talking(
      {
        ...notes('one'),
        connect: (connection) => {
          order.push('one connects');
          void connection.disconnect();
        },
      },
      { ...notes('two'), connect: () => void order.push('two connects') },
    );
    await talk.connection.closed;
    await until(() => talk.handle.node.connections.size === 0);
    expect(order).toEqual(['one connects', 'one hears of the end']);
  });
});

describe('a making that fails', () => {
  it.each([Number.NaN, undefined, new Error('the database is down')])(
    'with %p is told, and messages that wait fail with a code where the connection is kept',
    async (cause) => {
      class Database {}
      const container = new Container();
      let fail!: (error: unknown) => void;
      container.bind(Database).toDynamicValue(() => new Promise((_, reject) => (fail = reject)));
      @Session({ inject: [Database] })
      class Login {
        constructor(_database: Database) {}
      }
      await using host = await hosting(Login, container, () => 'keep');
      await host.connection.send('hello');
      await until(() => host.handle.node.stats.messagesReceived === 1 && fail !== undefined);
      fail(cause);
      await until(() => host.peer.errors.length === 2);
      expect(host.peer.errors).toEqual([
        cause,
        expect.objectContaining({ code: 'P2P_ERR_NO_SESSION', cause }),
      ]);
      expect(host.peer.seen).toEqual([]);
    },
  );
});

describe('what is refused at boot', () => {
  it.each([
    ['@OnAccept', OnAccept],
    ['@OnHandshake', OnHandshake],
    ['@OnStart', OnStart],
    ['@OnStop', OnStop],
  ] as const)('%s on a session', async (name, decorator) => {
    @Session()
    class Early {
      @decorator()
      early() {}
    }
    const error = await peerErrorOf('P2P_ERR_INVALID_SESSION', () => hosting(Early));
    expect(error.message).toContain(`Early.early() has ${name}, but there is no session then`);
  });

  it('a class without @Session, one listed twice, a hole in the list', async () => {
    class Plain {}
    const peerWith = (...sessions: unknown[]) => {
      @Peer({ codec, sessions: sessions as never })
      class Host {}
      return () => createPeer(Host);
    };
    const messages = [
      await peerErrorOf('P2P_ERR_INVALID_SESSION', peerWith(Plain)),
      await peerErrorOf('P2P_ERR_INVALID_SESSION', peerWith(Counter, Counter)),
      await peerErrorOf('P2P_ERR_INVALID_SESSION', peerWith(undefined)),
    ].map(({ message }) => message);
    expect(messages[0]).toContain('Plain is not a session');
    expect(messages[1]).toContain('Host lists Counter twice');
    expect(messages[2]).toContain('Host lists undefined; if two modules import each other');
  });

  it('a session that nothing is known about how to make', async () => {
    class Unbound {}
    @Session({ inject: [Unbound] })
    class Lacks {
      constructor(_unbound: Unbound) {}
    }
    const error = await peerErrorOf('P2P_ERR_MISSING_DEPENDENCY', () => hosting(Lacks));
    expect(error.message).toContain('Unbound');
  });

  it('a singleton that holds a session, through a class that holds none', async () => {
    class Between {}
    class Holder {}
    const container = new Container();
    container.bind(Between).toResolvedValue((_: Counter) => new Between(), [Counter]);
    container
      .bind(Holder)
      .toResolvedValue((_: Between) => new Holder(), [Between])
      .inSingletonScope();
    @Session({ inject: [Holder] })
    class Reads {
      constructor(_holder: Holder) {}
    }
    @Peer({ codec, sessions: [Counter, Reads] })
    class Host {}
    const error = await peerErrorOf('P2P_ERR_CAPTIVE_DEPENDENCY', () => createPeer(Host, { container }));
    expect(error.message).toContain('Holder -> Between -> Counter');
  });

  it('a singleton that holds what the sessions of a connection share', async () => {
    class Account {}
    class Ledger {}
    const container = new Container();
    container
      .bind(Account)
      .toDynamicValue(() => new Account())
      .inRequestScope();
    container
      .bind(Ledger)
      .toResolvedValue((_: Account) => new Ledger(), [Account])
      .inSingletonScope();
    @Session({ inject: [Account, Ledger] })
    class Pays {
      constructor(_account: Account, _ledger: Ledger) {}
    }
    const error = await peerErrorOf('P2P_ERR_CAPTIVE_DEPENDENCY', () => hosting(Pays, container));
    expect(error.message).toContain('the singleton Ledger');
    expect(error.message).toContain('Ledger -> Account');
  });

  it('a class that is two things', async () => {
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => {
      @Peer({ codec })
      @Session()
      class Both {}
      return Both;
    });
    expect(error.message).toContain('Both has @Peer and @Session');
  });
});
