import { describe, expect, it } from '@jest/globals';
import { PeerNode } from '@pea2pea/core';
import { createApp, createPeer, override, Peer, peerModule, Session, startPeer } from '@pea2pea/decorators';
import { Container, ContainerModule } from 'inversify';
import { lab, peerErrorOf, textCodec } from '@pea2pea/testing';
import { inMemory } from './lab.js';

const { own } = lab();

const codec = textCodec();

/** Belongs to whoever's node it is given. */
class Directory {
  readonly node: PeerNode<unknown>;
  constructor(node: PeerNode<unknown>) {
    this.node = node;
  }
}
const bindDirectory = (container: Container): unknown =>
  container
    .bind(Directory)
    .toResolvedValue((node: PeerNode<unknown>) => new Directory(node), [PeerNode<unknown>]);

@Peer({ codec, inject: [Directory] })
class Looks {
  readonly directory: Directory;
  constructor(directory: Directory) {
    this.directory = directory;
  }
}

@Peer({ codec })
class Plain {}

describe('a singleton that peers share', () => {
  const shared = (): Container => {
    const container = new Container({ defaultScope: 'Singleton' });
    bindDirectory(container);
    return container;
  };

  it('does not depend on the node of one of them', async () => {
    const error = await peerErrorOf('P2P_ERR_CAPTIVE_DEPENDENCY', () =>
      createPeer(Looks, { container: shared(), config: inMemory() }),
    );
    expect(error.message).toContain('Directory -> PeerNode');
    expect(error.message).toContain('`bindings`');
  });

  it('nor where it is asked for later, however often', async () => {
    await using peer = own(await createPeer(Plain, { container: shared(), config: inMemory() }));
    await peerErrorOf('P2P_ERR_CAPTIVE_DEPENDENCY', () => peer.get(Directory));
    await peerErrorOf('P2P_ERR_CAPTIVE_DEPENDENCY', () => peer.get(Directory));
  });

  it('nor through others, or on the peer itself', async () => {
    class Between {}
    class Holder {}
    const container = new Container();
    container.bind(Between).toResolvedValue((_: Plain) => new Between(), [Plain]);
    container
      .bind(Holder)
      .toResolvedValue((_: Between) => new Holder(), [Between])
      .inSingletonScope();
    await using peer = own(await createPeer(Plain, { container, config: inMemory() }));
    const error = await peerErrorOf('P2P_ERR_CAPTIVE_DEPENDENCY', () => peer.get(Holder));
    expect(error.message).toContain('Holder -> Between -> Plain');
  });

  it('nor where a session asks for it', async () => {
    @Session({ inject: [Directory] })
    class Reads {
      constructor(_directory: Directory) {}
    }
    @Peer({ codec, sessions: [Reads] })
    class Host {}
    await peerErrorOf('P2P_ERR_CAPTIVE_DEPENDENCY', () =>
      createPeer(Host, { container: shared(), config: inMemory() }),
    );
  });

  it('nor in a container that was composed by hand', async () => {
    const container = new Container({ parent: shared() });
    container.load(peerModule(Looks, inMemory()));
    await peerErrorOf('P2P_ERR_CAPTIVE_DEPENDENCY', () => startPeer(container, Looks));
  });

  it('nor in an application', async () => {
    const bindings = new ContainerModule(({ bind }) => {
      bind(Directory)
        .toResolvedValue((node: PeerNode<unknown>) => new Directory(node), [PeerNode<unknown>])
        .inSingletonScope();
    });
    await peerErrorOf('P2P_ERR_CAPTIVE_DEPENDENCY', () =>
      createApp({ bindings, peers: [{ peer: Looks, config: inMemory() }] }),
    );
  });
});

describe('each peer has its own', () => {
  it('where a transient of the shared container depends on the node', async () => {
    const container = new Container();
    bindDirectory(container);
    await using one = own(await createPeer(Looks, { container, config: inMemory() }));
    await using two = own(await createPeer(Looks, { container, config: inMemory() }));
    expect(one.peer.directory.node).toBe(one.node);
    expect(two.peer.directory.node).toBe(two.node);
  });

  it('where its own bindings have a singleton that does', async () => {
    const bindings = new ContainerModule(({ bind }) => {
      bind(Directory)
        .toResolvedValue((node: PeerNode<unknown>) => new Directory(node), [PeerNode<unknown>])
        .inSingletonScope();
    });
    await using one = own(await createPeer(Looks, { bindings, config: inMemory() }));
    await using two = own(await createPeer(Looks, { bindings, config: inMemory() }));
    expect([one.peer.directory.node, two.peer.directory.node]).toEqual([one.node, two.node]);
    expect(one.get(Directory)).toBe(one.peer.directory);
  });
});

describe('a stand-in', () => {
  class Store {
    readonly name: string = 'real';
  }
  class Shelf {
    readonly store: Store;
    constructor(store: Store) {
      this.store = store;
    }
  }
  const fake = { name: 'fake' };
  const module = (): ContainerModule =>
    new ContainerModule(({ bind }) => {
      bind(Store).toSelf().inSingletonScope();
      bind(Shelf)
        .toResolvedValue((store: Store) => new Shelf(store), [Store])
        .inSingletonScope();
    });
  @Peer({ codec, inject: [Shelf] })
  class Reader {
    readonly shelf: Shelf;
    constructor(shelf: Shelf) {
      this.shelf = shelf;
    }
  }

  it('of one peer is not kept by a singleton that others share', async () => {
    const container = new Container();
    container.load(module());
    const overrides = [override(Store, fake)];
    await peerErrorOf('P2P_ERR_CAPTIVE_DEPENDENCY', () =>
      createPeer(Reader, { container, overrides, config: inMemory() }),
    );
    await using peer = own(await createPeer(Reader, { container, config: inMemory() }));
    expect(peer.peer.shelf.store.name).toBe('real');
  });

  it('of an application is that of the singletons which its peers share', async () => {
    await using app = await createApp({
      bindings: module(),
      overrides: [override(Store, fake)],
      peers: [{ peer: Reader, config: inMemory() }],
    });
    expect(app.peer(Reader).peer.shelf.store.name).toBe('fake');
    expect(app.get(Shelf)).toBe(app.peer(Reader).peer.shelf);
  });
});
