import { describe, expect, it } from '@jest/globals';
import {
  type Connection,
  HANDLED,
  memoryTransport,
  PeerNode,
  type AcceptRequest,
  type Connection as PeerConnection,
  type DisconnectReason,
  type Handshake,
  type AnyConnection,
} from '@pea2pea/core';
import {
  configured,
  createPeer,
  markedBy,
  MarkedMethods,
  methodMark,
  OnAccept,
  OnConnect,
  OnDisconnect,
  OnHandshake,
  OnMessage,
  OnStart,
  OnStop,
  override,
  Peer,
  peerModule,
  Plugin,
  PluginOptions,
  startPeer,
  type ConnectionArgument,
} from '@pea2pea/decorators';
import { Container, ContainerModule } from 'inversify';
import { lab, peerErrorOf, textCodec, until } from '@pea2pea/testing';
import { dialler, inMemory } from './lab.js';
import { talkTo } from './message-lab.js';

const { own } = lab();

const codec = textCodec();

/** What the hooks of a test have written down. */
const calls: string[] = [];
const noted = (): string[] => calls.splice(0);

/** Writes down every hook that it has. */
abstract class Noting {
  abstract readonly label: string;

  @OnStart()
  start() {
    calls.push(`${this.label} start`);
  }
  @OnStop()
  stop() {
    calls.push(`${this.label} stop`);
  }
  @OnAccept()
  accept(_request: AcceptRequest) {
    calls.push(`${this.label} accept`);
  }
  @OnHandshake()
  async handshake(_handshake: Handshake) {
    await Promise.resolve();
    calls.push(`${this.label} handshake`);
  }
  @OnConnect()
  connect(_connection: AnyConnection) {
    calls.push(`${this.label} connect`);
  }
  @OnMessage()
  message(text: string) {
    calls.push(`${this.label} ${text}`);
  }
  @OnDisconnect()
  disconnect(_connection: AnyConnection, _reason: DisconnectReason) {
    calls.push(`${this.label} disconnect`);
  }
}

@Plugin()
class First extends Noting {
  readonly label = 'first';
}
@Plugin()
class Second extends Noting {
  readonly label = 'second';
}
@Plugin()
class Third extends Noting {
  readonly label = 'third';
}

@Peer({ codec, plugins: [First, Second] })
class Composed extends Noting {
  readonly label = 'peer';
}

describe('plugins', () => {
  it('run before the peer, in order; disconnect and stop in reverse', async () => {
    noted();
    const transport = memoryTransport();
    const handle = own(await createPeer(Composed, { config: inMemory(transport), plugins: [Third] }));
    const node = dialler(transport);
    const connection = await node.connect(handle.address!);
    await connection.send('hello');
    await until(() => calls.includes('peer hello'));
    await connection.disconnect();
    await until(() => calls.includes('first disconnect'));
    await handle.close();
    await node.close();
    const forward = ['first', 'second', 'third', 'peer'];
    const backward = [...forward].reverse();
    const all = (labels: string[], what: string) => labels.map((label) => `${label} ${what}`);
    expect(noted()).toEqual([
      ...all(forward, 'start'),
      ...all(forward, 'accept'),
      ...all(forward, 'handshake'),
      ...all(forward, 'connect'),
      ...all(forward, 'hello'),
      ...all(backward, 'disconnect'),
      ...all(backward, 'stop'),
    ]);
  });

  it('keep a message from those behind them with HANDLED', async () => {
    @Plugin()
    class Ping {
      @OnMessage((text: string) => text === 'ping')
      async pong(_text: string, connection: Connection<string>) {
        await connection.send('pong');
        return HANDLED;
      }
    }
    @Peer({ codec, plugins: [Ping] })
    class Rest {
      readonly seen: string[] = [];
      @OnMessage()
      any(text: string) {
        this.seen.push(text);
      }
    }
    await using talk = await talkTo(Rest);
    for (const text of ['ping', 'other']) await talk.connection.send(text);
    await until(() => talk.peer.seen.length === 1);
    expect(talk.peer.seen).toEqual(['other']);
  });

  it('are not asked to take every message: what none of their methods takes passes by', async () => {
    @Plugin()
    class Picky {
      @OnMessage((text: string) => text === 'never')
      never() {}
    }
    @Peer({ codec, plugins: [Picky] })
    class Rest {
      readonly seen: string[] = [];
      @OnMessage()
      any(text: string) {
        this.seen.push(text);
      }
    }
    await using talk = await talkTo(Rest);
    await talk.connection.send('x');
    await until(() => talk.peer.seen.length === 1);
    expect(talk.handle.unmatched).toBe(0);
  });
});

interface QuotaOptions {
  readonly most?: number;
}

@Plugin({ inject: [PeerNode, PluginOptions] })
class Quota {
  readonly most: number;
  readonly node: PeerNode<unknown>;
  constructor(node: PeerNode<unknown>, { most = 7 }: QuotaOptions) {
    this.node = node;
    this.most = most;
  }
}
const quota = (options: QuotaOptions) => configured(Quota, options);

describe('a configured plugin', () => {
  it('is given its options and the node of its peer; listed bare, it has its defaults', async () => {
    @Peer({ codec, plugins: [quota({ most: 3 })], inject: [Quota] })
    class Strict {
      readonly quota: Quota;
      constructor(injected: Quota) {
        this.quota = injected;
      }
    }
    @Peer({ codec, plugins: [Quota] })
    class Lax {}
    await using strict = own(await createPeer(Strict));
    await using lax = own(await createPeer(Lax));
    expect(strict.get(Quota).most).toBe(3);
    expect(strict.peer.quota).toBe(strict.get(Quota));
    expect(strict.get(Quota).node).toBe(strict.node);
    expect(lax.get(Quota).most).toBe(7);
  });

  it('keeps options apart from those of others in the same peer', async () => {
    @Plugin({ inject: [PluginOptions, Quota] })
    class Other {
      readonly options: { readonly name: string };
      readonly quota: Quota;
      constructor(options: { readonly name: string }, injected: Quota) {
        this.options = options;
        this.quota = injected;
      }
    }
    @Peer({ codec, plugins: [configured(Other, { name: 'other' }), quota({ most: 1 })] })
    class Both {}
    await using handle = own(await createPeer(Both));
    expect(handle.get(Other).options).toEqual({ name: 'other' });
    expect(handle.get(Other).quota.most).toBe(1);
  });

  it('brings bindings along, which a test replaces in one line', async () => {
    class Store {
      readonly name: string = 'real';
    }
    @Plugin({
      inject: [Store],
      bindings: new ContainerModule(({ bind }) => void bind(Store).toConstantValue(new Store())),
    })
    class Keeps {
      readonly store: Store;
      constructor(store: Store) {
        this.store = store;
      }
    }
    @Peer({ codec, plugins: [Keeps] })
    class Peered {}
    await using real = own(await createPeer(Peered));
    expect(real.get(Keeps).store.name).toBe('real');
    await using faked = own(await createPeer(Peered, { overrides: [override(Store, { name: 'fake' })] }));
    expect(faked.get(Keeps).store.name).toBe('fake');
  });

  it('serves peers that are composed by hand', async () => {
    @Peer({ codec, plugins: [quota({ most: 5 })] })
    class ByHand {}
    const container = new Container();
    await container.loadAsync(peerModule(ByHand));
    await using handle = await startPeer(container, ByHand);
    expect(handle.get(Quota).most).toBe(5);
  });
});

describe('plugins with decorators of their own', () => {
  const TOPIC = methodMark<string>('@OnTopic');
  const OnTopic = (topic: string) =>
    markedBy<string, [text: string, connection: ConnectionArgument]>(TOPIC, topic);

  @Plugin({ inject: [MarkedMethods] })
  class Topics {
    readonly #methods;
    constructor(methods: MarkedMethods) {
      this.#methods = methods.of(TOPIC);
    }
    @OnMessage()
    route(message: string, connection: PeerConnection) {
      const [topic, text] = message.split(':');
      const method = this.#methods.find(({ value }) => value === topic);
      return method === undefined ? undefined : (method.call(connection, text, connection), HANDLED);
    }
  }

  it('find the methods that are marked, and call them', async () => {
    @Peer({ codec, plugins: [Topics], unmatched: 'ignore' })
    class News {
      readonly seen: string[] = [];
      @OnTopic('sport')
      onSport(text: string) {
        this.seen.push(text);
      }
    }
    await using talk = await talkTo(News);
    await talk.connection.send('sport:2-1');
    await until(() => talk.peer.seen.length === 1);
    expect(talk.peer.seen).toEqual(['2-1']);
  });

  it('a mark that no plugin reads is refused at boot: its method would never be called', async () => {
    @Peer({ codec })
    class Forgetful {
      @OnTopic('sport')
      onSport() {}
    }
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => createPeer(Forgetful));
    expect(error.message).toContain('Forgetful.onSport() has @OnTopic, but none of the plugins of Forgetful');
  });
});

describe('what is refused at boot', () => {
  it('a class without @Plugin, one listed twice, a hole in the list, no list', async () => {
    class Plain {}
    const peerWith = (plugins: unknown) => {
      @Peer({ codec, plugins: plugins as never })
      class Host {}
      return () => createPeer(Host);
    };
    const messages = [
      await peerErrorOf('P2P_ERR_INVALID_PLUGIN', peerWith([Plain])),
      await peerErrorOf('P2P_ERR_INVALID_PLUGIN', peerWith([Quota, quota({ most: 1 })])),
      await peerErrorOf('P2P_ERR_INVALID_PLUGIN', peerWith([undefined])),
      await peerErrorOf('P2P_ERR_INVALID_PLUGIN', peerWith(Quota)),
      await peerErrorOf('P2P_ERR_INVALID_PLUGIN', peerWith([{ most: 1 }])),
    ].map(({ message }) => message);
    expect(messages[0]).toContain('Plain is not a plugin: it has no @Plugin');
    expect(messages[1]).toContain('Host lists Quota twice');
    expect(messages[2]).toContain('Host lists undefined; if two modules import each other');
    expect(messages[3]).toContain('Host has no list of classes');
    expect(messages[4]).toContain('undefined is not a plugin');
  });

  it('one whose dependency nobody binds: the error names both', async () => {
    class Unbound {}
    @Plugin({ inject: [Unbound] })
    class Lacks {
      constructor(_unbound: Unbound) {}
    }
    @Peer({ codec, plugins: [Lacks] })
    class Host {}
    const error = await peerErrorOf('P2P_ERR_MISSING_DEPENDENCY', () => createPeer(Host));
    expect(error.message).toMatch(/Lacks cannot be made: .*Unbound/);
  });

  it('one with a field where its hook method was', async () => {
    @Plugin()
    class Hidden {
      constructor() {
        Object.defineProperty(this, 'hear', { value: 1 });
      }
      @OnMessage()
      hear() {}
    }
    @Peer({ codec, plugins: [Hidden] })
    class Host {}
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => createPeer(Host));
    expect(error.message).toContain('Hidden.hear() is a hook method, but an instance has a field there');
  });
});

it('plugins are inherited with the options of @Peer, and replaced as a whole', async () => {
  @Peer({ codec, plugins: [quota({ most: 1 })] })
  class Base {}
  class Same extends Base {}
  @Peer({ codec, plugins: [] })
  class Without extends Base {}
  await using same = own(await createPeer(Same));
  await using without = own(await createPeer(Without));
  expect(same.get(Quota).most).toBe(1);
  expect(() => without.get(Quota)).toThrow();
});
