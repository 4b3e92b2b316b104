import { describe, expect, it } from '@jest/globals';
import { memoryTransport, PeerNode } from '@pea2pea/core';
import { createPeer, peerModule, Peer, startPeer } from '@pea2pea/decorators';
import { Container, decorate, inject, injectable, LazyServiceIdentifier } from 'inversify';
import { inMemory, peerErrorOf } from './lab.js';
import { textCodec } from './text-codec.js';

const codec = textCodec();
const ROOM = Symbol('room');

class Clock {
  readonly startedMs = 42;
}

class Transcript {
  readonly lines: string[] = [];
}

@Peer({ codec, inject: [Clock, ROOM, new LazyServiceIdentifier(() => Transcript)] })
class ByList {
  readonly clock: Clock;
  readonly room: string;
  readonly transcript: Transcript;
  constructor(clock: Clock, room: string, transcript: Transcript) {
    this.clock = clock;
    this.room = room;
    this.transcript = transcript;
  }
}

@Peer({ codec })
class ByType {
  readonly clock: Clock;
  readonly transcript: Transcript;
  constructor(clock: Clock, transcript: Transcript) {
    this.clock = clock;
    this.transcript = transcript;
  }
}

@Peer({ codec })
class ByInject {
  readonly clock: Clock;
  readonly room: string;
  constructor(clock: Clock, @inject(ROOM) room: string) {
    this.clock = clock;
    this.room = room;
  }
}

@Peer({ codec, inject: [PeerNode] })
class WithNode {
  readonly node: PeerNode<string>;
  constructor(node: PeerNode<string>) {
    this.node = node;
  }
}

function services(): Container {
  const container = new Container();
  decorateOnce();
  container.bind(Clock).toSelf().inSingletonScope();
  container.bind(Transcript).toSelf().inSingletonScope();
  container.bind(ROOM).toConstantValue('lobby');
  return container;
}

let decorated = false;
function decorateOnce(): void {
  if (decorated) return;
  decorated = true;
  for (const service of [Clock, Transcript]) decorate(injectable(), service);
}

const memory = { config: { transport: memoryTransport() } };

describe('injection', () => {
  it('`inject` names classes, tokens and classes that are looked up later', async () => {
    const container = services();
    await using handle = await createPeer(ByList, { container, ...memory });
    expect(handle.peer.clock).toBe(container.get(Clock));
    expect(handle.peer.room).toBe('lobby');
    expect(handle.peer.transcript).toBe(container.get(Transcript));
  });

  it('without a list the types that the compiler emits are injected', async () => {
    const container = services();
    await using handle = await createPeer(ByType, { container, ...memory });
    expect(handle.peer.clock).toBe(container.get(Clock));
    expect(handle.peer.transcript).toBe(container.get(Transcript));
  });

  it('@inject on a parameter wins over its type', async () => {
    await using handle = await createPeer(ByInject, { container: services(), ...memory });
    expect(handle.peer.clock.startedMs).toBe(42);
    expect(handle.peer.room).toBe('lobby');
  });

  it('the node is injected in its own peer', async () => {
    await using handle = await createPeer(WithNode, memory);
    expect(handle.peer.node).toBe(handle.node);
    expect(handle.peer.node).toBeInstanceOf(PeerNode);
  });

  it('the node is injected by its type, too', async () => {
    @Peer({ codec })
    class Typed {
      readonly node: PeerNode<string>;
      constructor(node: PeerNode<string>) {
        this.node = node;
      }
    }
    await using handle = await createPeer(Typed, memory);
    expect(handle.peer.node).toBe(handle.node);
  });

  it('an asynchronous binding is awaited', async () => {
    const container = services();
    const late = new Transcript();
    container.rebind(Transcript).toDynamicValue(async () => Promise.resolve(late));
    await using handle = await createPeer(ByType, { container, ...memory });
    expect(handle.peer.transcript).toBe(late);
  });

  it('a dependency that nobody bound is named, with the class and the error of the container', async () => {
    const error = await peerErrorOf('P2P_ERR_MISSING_DEPENDENCY', () => createPeer(ByType, memory));
    expect(error.message).toMatch(/^ByType cannot be made: .*Clock/);
    expect(error.cause).toBeInstanceOf(Error);
  });

  it('a parameter that nothing describes is refused, with the class and the remedy', async () => {
    class Undescribed {
      readonly clock: unknown;
      constructor(clock: unknown) {
        this.clock = clock;
      }
    }
    Peer({ codec })(Undescribed);
    const error = await peerErrorOf('P2P_ERR_MISSING_DEPENDENCY', () => createPeer(Undescribed, memory));
    expect(error.message).toContain('Undescribed');
    expect(error.message).toContain('@Peer({ inject: [Service] })');
  });

  it('a base that nothing describes is refused where it is extended', async () => {
    class Undescribed {
      readonly clock: unknown;
      constructor(clock: unknown) {
        this.clock = clock;
      }
    }
    Peer({ codec })(Undescribed);
    class Derived extends Undescribed {}
    const error = await peerErrorOf('P2P_ERR_MISSING_DEPENDENCY', () => Peer({ codec })(Derived));
    expect(error.message).toMatch(/^Undescribed cannot be made/);
  });

  it('a list that is too short is refused where it stands', async () => {
    class Short {
      readonly parts: unknown[];
      constructor(clock: Clock, transcript: Transcript) {
        this.parts = [clock, transcript];
      }
    }
    const error = await peerErrorOf('P2P_ERR_MISSING_DEPENDENCY', () =>
      Peer({ codec, inject: [Clock] })(Short as never),
    );
    expect(error.message).toContain('the constructor of Short takes 2 parameters, `inject` names 1');
  });

  it('a list with a hole, as circular imports leave one, is refused where it stands', async () => {
    class Circular {
      readonly clock: Clock;
      constructor(clock: Clock) {
        this.clock = clock;
      }
    }
    const error = await peerErrorOf('P2P_ERR_MISSING_DEPENDENCY', () =>
      Peer({ codec, inject: [undefined as unknown as typeof Clock] })(Circular),
    );
    expect(error.message).toContain('`inject[0]` of Circular is undefined');
  });

  it('what a constructor throws is passed on as it is', async () => {
    @Peer({ codec })
    class Failing {
      constructor() {
        throw new RangeError('no room');
      }
    }
    await expect(createPeer(Failing, memory)).rejects.toThrow(new RangeError('no room'));
  });
});

describe('peerModule and startPeer', () => {
  it('bring up a peer in a container that was composed by hand', async () => {
    const container = services();
    container.load(peerModule(ByType, inMemory()));
    await using handle = await startPeer(container, ByType);
    expect(handle.peer).toBe(container.get(ByType));
    expect(handle.node).toBe(container.get(PeerNode));
    expect(handle.address?.host).toBe('127.0.0.1');
  });

  it('a second start of the same peer is refused and leaves the first alone', async () => {
    const container = services();
    container.load(peerModule(ByType, inMemory()));
    await using handle = await startPeer(container, ByType);
    await peerErrorOf('P2P_ERR_ALREADY_STARTED', () => startPeer(container, ByType));
    expect(handle.node.state).toBe('open');
  });

  it('a container without the module is told so', async () => {
    await peerErrorOf('P2P_ERR_MISSING_DEPENDENCY', () => startPeer(services(), ByType));
  });
});
