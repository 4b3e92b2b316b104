import { describe, expect, it } from '@jest/globals';
import { memoryTransport, type Logger } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import {
  createApp,
  createPeer,
  handleOf,
  OnStart,
  OnStop,
  override,
  Peer,
  Plugin,
  type PeerHandle,
} from '@pea2pea/decorators';
import { Container, ContainerModule } from 'inversify';
import { lab, peerErrorOf, textCodec, until } from '@pea2pea/testing';
import { dialler, inMemory } from './lab.js';

const { own } = lab();

const codec = textCodec();
const order: string[] = [];
const noted = (): string[] => order.splice(0);

class Store {
  readonly name: string = 'real';
  static async open(): Promise<Store> {
    await new Promise((resolve) => setImmediate(resolve));
    order.push('store opened');
    return new Store();
  }
  async [Symbol.asyncDispose]() {
    await new Promise((resolve) => setImmediate(resolve));
    order.push('store closed');
  }
}
class Index {
  readonly store: Store;
  constructor(store: Store) {
    this.store = store;
    order.push('index made');
  }
  [Symbol.dispose]() {
    order.push('index disposed of');
  }
}
/** Index needs Store, and is bound before it: the order is that of the making. */
const storage = new ContainerModule(({ bind }) => {
  bind(Index)
    .toResolvedValue((store: Store) => new Index(store), [Store])
    .inSingletonScope();
  bind(Store)
    .toDynamicValue(() => Store.open())
    .inSingletonScope();
});

@Peer({ codec, inject: [Index] })
class Chat {
  readonly index: Index;
  constructor(index: Index) {
    this.index = index;
  }
  @OnStart()
  start() {
    order.push('chat started');
  }
  @OnStop()
  stop() {
    order.push('chat stopping');
  }
  [Symbol.dispose]() {
    order.push('chat disposed of');
  }
}
@Peer({ codec, inject: [Index] })
class Status {
  readonly index: Index;
  constructor(index: Index) {
    this.index = index;
  }
  @OnStart()
  start() {
    order.push('status started');
  }
  @OnStop()
  stop() {
    order.push('status stopping');
  }
}
class HttpSide {
  readonly chat: Chat;
  readonly handle: PeerHandle<Chat>;
  constructor(chat: Chat, handle: PeerHandle<Chat>) {
    this.chat = chat;
    this.handle = handle;
  }
  @OnStart()
  start() {
    order.push('http started');
  }
  @OnStop()
  async stop() {
    await new Promise((resolve) => setImmediate(resolve));
    order.push(`http stopping, the chat is ${this.handle.node.state}`);
  }
  [Symbol.dispose]() {
    order.push('http disposed of');
  }
}
const http = new ContainerModule(({ bind }) => {
  bind(HttpSide)
    .toResolvedValue(
      (chat: Chat, handle: PeerHandle<Chat>) => new HttpSide(chat, handle),
      [Chat, handleOf(Chat)],
    )
    .inSingletonScope();
});

describe('an application', () => {
  it('starts in order, shares what it made, and ends in the reverse order', async () => {
    noted();
    const app = await createApp({ bindings: [storage, http], peers: [Chat, Status], services: [HttpSide] });
    expect(noted()).toEqual(['store opened', 'index made', 'chat started', 'status started', 'http started']);
    expect(app.peer(Chat).peer.index).toBe(app.peer(Status).peer.index);
    expect(app.get(HttpSide).chat).toBe(app.peer(Chat).peer);
    expect(app.get(HttpSide).handle).toBe(app.peer(Chat));
    const reports = await app.close();
    expect(noted()).toEqual([
      'http stopping, the chat is open',
      'http disposed of',
      'status stopping',
      'chat stopping',
      'chat disposed of',
      'index disposed of',
      'store closed',
    ]);
    expect(reports).toHaveLength(2);
  });

  it('closes on a signal, and `closed` tells', async () => {
    const app = await createApp({ bindings: storage, peers: [Chat] });
    const before = process.listenerCount('SIGUSR2');
    app.closeOn('SIGUSR2');
    process.emit('SIGUSR2');
    await app.closed;
    expect(app.peer(Chat).node.state).toBe('closed');
    expect(process.listenerCount('SIGUSR2')).toBe(before);
    noted();
  });

  it('listens with each peer where that peer is told to', async () => {
    const transport = memoryTransport();
    await using app = await createApp({
      bindings: storage,
      peers: [
        { peer: Chat, config: inMemory(transport) },
        { peer: Status, config: { transport } },
      ],
    });
    await using node = dialler(transport);
    await node.connect(app.peer(Chat).address!);
    expect(app.peer(Status).address).toBeUndefined();
    noted();
  });

  it('a start that fails at a later peer ends what was up, in order, and throws the first error', async () => {
    @Peer({ codec })
    class Fails {
      @OnStart()
      start() {
        throw new Error('no luck');
      }
    }
    noted();
    const ends = createApp({ bindings: storage, peers: [Chat, Fails] });
    await expect(ends).rejects.toThrow('no luck');
    expect(noted()).toEqual([
      'store opened',
      'index made',
      'chat started',
      'chat stopping',
      'chat disposed of',
      'index disposed of',
      'store closed',
    ]);
  });

  it('a start that fails at a service ends the peers', async () => {
    const broken = new ContainerModule(({ bind }) => {
      bind(HttpSide)
        .toDynamicValue(() => Promise.reject(new Error('port taken')))
        .inSingletonScope();
    });
    noted();
    const ends = createApp({ bindings: [storage, broken], peers: [Chat], services: [HttpSide] });
    await expect(ends).rejects.toThrow('port taken');
    expect(noted().slice(-4)).toEqual([
      'chat stopping',
      'chat disposed of',
      'index disposed of',
      'store closed',
    ]);
  });

  it('goes on ending when a part of it fails to, and throws that failure', async () => {
    const failing = new ContainerModule(({ bind }) => {
      bind(HttpSide)
        .toDynamicValue(
          () =>
            ({
              [Symbol.dispose]() {
                throw new Error('stuck');
              },
            }) as unknown as HttpSide,
        )
        .inSingletonScope();
    });
    noted();
    const app = await createApp({ bindings: [storage, failing], peers: [Chat], services: [HttpSide] });
    await expect(app.close()).rejects.toThrow('stuck');
    expect(app.peer(Chat).node.state).toBe('closed');
    expect(noted().at(-1)).toBe('store closed');
  });

  it('has a service replaced in one line; what stands in is not disposed of', async () => {
    noted();
    const fake = Object.assign(new Store(), { name: 'fake' });
    const app = await createApp({ bindings: storage, overrides: [override(Store, fake)], peers: [Chat] });
    expect(app.peer(Chat).peer.index.store).toBe(fake);
    await app.close();
    expect(noted().filter((entry) => entry.startsWith('store'))).toEqual([]);
  });

  it('leaves alone what the given container holds', async () => {
    const container = new Container();
    await container.loadAsync(storage);
    noted();
    const app = await createApp({ container, peers: [Chat] });
    await app.close();
    expect(noted()).toEqual([
      'store opened',
      'index made',
      'chat started',
      'chat stopping',
      'chat disposed of',
    ]);
    expect(container.isBound(Store)).toBe(true);
  });

  it('refuses a peer that is listed twice, and one that it does not have', async () => {
    await peerErrorOf('P2P_ERR_NOT_A_PEER', () => createApp({ bindings: storage, peers: [Chat, Chat] }));
    await using app = await createApp({ bindings: storage, peers: [Chat] });
    await peerErrorOf('P2P_ERR_NOT_A_PEER', () => app.peer(Status));
    noted();
  });

  it('says what a service lacks', async () => {
    const error = await peerErrorOf('P2P_ERR_MISSING_DEPENDENCY', () =>
      createApp({ bindings: storage, peers: [Chat], services: [HttpSide] }),
    );
    expect(error.message).toContain('HttpSide');
    noted();
  });
});

describe('the life of a peer', () => {
  it('an @OnStart that fails stops what was started, closes the node and disposes of all', async () => {
    @Plugin()
    class Steady {
      @OnStart()
      start() {
        order.push('plugin started');
      }
      @OnStop()
      stop() {
        order.push('plugin stopped');
      }
      [Symbol.dispose]() {
        order.push('plugin disposed of');
      }
    }
    @Peer({ codec, plugins: [Steady] })
    class Fails {
      @OnStart()
      start() {
        throw new Error('no luck');
      }
      @OnStop()
      stop() {
        order.push('never');
      }
    }
    noted();
    await expect(createPeer(Fails)).rejects.toThrow('no luck');
    expect(noted()).toEqual(['plugin started', 'plugin stopped', 'plugin disposed of']);
  });

  it('an @OnStop that hangs is abandoned after closeTimeoutMs, and the peer closes', async () => {
    @Peer({ codec })
    class Hangs {
      @OnStop()
      stop() {
        return new Promise(() => {});
      }
    }
    const handle = own(await createPeer(Hangs, { config: { closeTimeoutMs: 20 } }));
    await handle.close();
    expect(handle.node.state).toBe('closed');
  });

  it('close with a timeout that makes no sense leaves the peer up, and nothing stopped', async () => {
    let stopped = 0;
    @Peer({ codec })
    class Stays {
      @OnStop()
      stop() {
        stopped++;
      }
    }
    await using handle = own(await createPeer(Stays));
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => handle.close({ timeoutMs: -1 }));
    expect([stopped, handle.node.state]).toEqual([0, 'open']);
  });

  it('@OnStop comes while connections are open, and may say goodbye', async () => {
    const heard: string[] = [];
    @Peer({ codec })
    class Polite {
      handle: PeerHandle<Polite> | undefined;
      @OnStop()
      stop() {
        this.handle!.node.broadcast('goodbye');
      }
    }
    const transport = memoryTransport();
    const handle = own(await createPeer(Polite, { config: inMemory(transport) }));
    handle.peer.handle = handle;
    await using node = dialler(transport);
    node.use({ onMessage: (text) => void heard.push(text) });
    await node.connect(handle.address!);
    await until(() => handle.node.connections.size === 1);
    await handle.close();
    await until(() => heard.length === 1);
    expect(heard).toEqual(['goodbye']);
  });
});

describe('ends', () => {
  it('close with a timeout that makes no sense leaves the application up', async () => {
    await using app = await createApp({ bindings: [storage, http], peers: [Chat], services: [HttpSide] });
    noted();
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => app.close({ timeoutMs: 0 }));
    expect([noted(), app.peer(Chat).node.state]).toEqual([[], 'open']);
    await app.close();
    noted();
  });

  it('a close from inside @OnStop joins the one that called it: nothing is closed under it', async () => {
    const seen: string[] = [];
    @Peer({ codec })
    class Impatient {
      handle: PeerHandle<Impatient> | undefined;
      @OnStop()
      async stop() {
        void this.handle!.close();
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(this.handle!.node.state);
      }
      [Symbol.dispose]() {
        seen.push('disposed of');
      }
    }
    const handle = own(await createPeer(Impatient));
    handle.peer.handle = handle;
    await handle.close();
    expect(seen).toEqual(['closing', 'disposed of']);
  });

  it('an @OnStop that hangs keeps no other from being called', async () => {
    const seen: string[] = [];
    @Plugin()
    class Ticks {
      @OnStop()
      stop() {
        seen.push('plugin stopped');
      }
      [Symbol.dispose]() {
        seen.push('plugin disposed of');
      }
    }
    @Peer({ codec, plugins: [Ticks] })
    class Hangs {
      @OnStop()
      stop() {
        return new Promise(() => {});
      }
    }
    const handle = own(await createPeer(Hangs, { config: { closeTimeoutMs: 20 } }));
    await handle.close();
    expect(seen).toEqual(['plugin stopped', 'plugin disposed of']);
  });

  it('of two @OnStart methods the first is undone when the second fails', async () => {
    const seen: string[] = [];
    class Base {
      @OnStart()
      begin() {
        seen.push('begun');
      }
      @OnStop()
      end() {
        seen.push('ended');
      }
    }
    @Peer({ codec })
    class Derived extends Base {
      @OnStart()
      fail() {
        throw new Error('no luck');
      }
    }
    await expect(createPeer(Derived)).rejects.toThrow('no luck');
    expect(seen).toEqual(['begun', 'ended']);
  });

  it('overrides of an application reach what its peers and their plugins bind', async () => {
    @Plugin({ inject: [Store], bindings: storage })
    class Keeps {
      readonly store: Store;
      constructor(store: Store) {
        this.store = store;
      }
    }
    @Peer({ codec, plugins: [Keeps] })
    class Host {}
    const fake = Object.assign(new Store(), { name: 'fake' });
    await using app = await createApp({ peers: [Host], overrides: [override(Store, fake)] });
    expect(app.peer(Host).get(Keeps).store).toBe(fake);
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () =>
      createApp({ peers: [Host], overrides: [override(Keeps, new Keeps(fake))] }),
    );
    noted();
  });

  it('a disposal that hangs is abandoned after closeTimeoutMs', async () => {
    @Peer({ codec })
    class Hangs {
      [Symbol.asyncDispose]() {
        return new Promise<void>(() => {});
      }
    }
    const handle = own(await createPeer(Hangs, { config: { closeTimeoutMs: 20 } }));
    await handle.close();
    expect(handle.node.state).toBe('closed');
  });

  it('closing the node by itself ends the peer', async () => {
    const seen: string[] = [];
    @Peer({ codec })
    class Quits {
      @OnStop()
      stop() {
        seen.push('stopped');
      }
      [Symbol.dispose]() {
        seen.push('disposed of');
      }
    }
    const handle = own(await createPeer(Quits));
    await handle.node.close();
    await handle.closed;
    expect(seen).toEqual(['stopped', 'disposed of']);
  });

  it('tells its own logger what goes wrong as it ends, whatever that logger does', async () => {
    class Stubborn {
      @OnStop()
      stop(): Promise<void> {
        return new Promise(() => {});
      }
    }
    const clock = new ControlledClock();
    const lines: unknown[] = [];
    const log = (fields: object, text: string): never => {
      lines.push([fields, text]);
      throw new Error('the disk is full');
    };
    const logger: Logger = {
      debug: log,
      info: log,
      warn: log,
      error: log,
      child: () => JSON.parse('{') as Logger,
    };
    const bindings = new ContainerModule(({ bind }) => void bind(Stubborn).toConstantValue(new Stubborn()));
    const app = await createApp({ bindings, peers: [], services: [Stubborn], clock, logger });
    const closing = app.close({ timeoutMs: 1_000 });
    await until(() => clock.pending > 0);
    clock.advance(1_000);
    await closing;
    const text = 'onStop took too long and was abandoned';
    expect(lines).toEqual([[{ node: 'app', hook: expect.stringContaining('.'), timeoutMs: 1_000 }, text]]);
  });

  it.each(['clock', 'logger'])('refuses a %s that is not one', async (name) => {
    const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () =>
      createApp({ peers: [], [name]: console.log }),
    );
    expect(error.message).toContain(`\`${name}\``);
  });

  it('many may close on one signal', async () => {
    const before = process.listenerCount('SIGUSR2');
    @Peer({ codec })
    class One {}
    const handles = await Promise.all(Array.from({ length: 12 }, () => createPeer(One)));
    for (const handle of handles) handle.closeOn('SIGUSR2');
    expect(process.listenerCount('SIGUSR2')).toBe(before + 1);
    process.emit('SIGUSR2');
    await Promise.all(handles.map(({ closed }) => closed));
    expect(process.listenerCount('SIGUSR2')).toBe(before);
  });

  it('a service that is listed twice, or is no singleton, is refused', async () => {
    const transient = new ContainerModule(({ bind }) => {
      bind(Index).toResolvedValue((store: Store) => new Index(store), [Store]);
      bind(Store).toConstantValue(new Store());
    });
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () =>
      createApp({ bindings: storage, peers: [Chat], services: [Index, Index] }),
    );
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () =>
      createApp({ bindings: transient, peers: [], services: [Index] }),
    );
    noted();
  });

  it('a hole in the plugins of createPeer is refused', async () => {
    @Peer({ codec })
    class Host {}
    await peerErrorOf('P2P_ERR_INVALID_PLUGIN', () => createPeer(Host, { plugins: [undefined as never] }));
  });
});
