import { describe, expect, it } from '@jest/globals';
import { memoryTransport, PeerNode } from '@pea2pea/core';
import { createPeer, peerModule, Peer, startPeer } from '@pea2pea/decorators';
import { Container, injectable, LazyServiceIdentifier } from 'inversify';
import { lab, peerErrorOf, textCodec } from '@pea2pea/testing';
import { inMemory } from './lab.js';

const { own } = lab();

const codec = textCodec();
const ROOM = Symbol('room');

@injectable('Singleton')
class Clock {
  readonly startedMs = 42;
}

@injectable('Singleton')
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

@Peer({ codec, inject: [PeerNode] })
class WithNode {
  readonly node: PeerNode<string>;
  constructor(node: PeerNode<string>) {
    this.node = node;
  }
}

function services(): Container {
  const container = new Container();
  container.bind(Clock).toSelf();
  container.bind(Transcript).toSelf();
  container.bind(ROOM).toConstantValue('lobby');
  return container;
}

const memory = { config: { transport: memoryTransport() } };

describe('injection', () => {
  it('`inject` names classes, tokens and classes that are looked up later', async () => {
    const container = services();
    await using handle = own(await createPeer(ByList, { container, ...memory }));
    expect(handle.peer.clock).toBe(container.get(Clock));
    expect(handle.peer.room).toBe('lobby');
    expect(handle.peer.transcript).toBe(container.get(Transcript));
  });

  it('the node is injected in its own peer', async () => {
    await using handle = own(await createPeer(WithNode, memory));
    expect(handle.peer.node).toBe(handle.node);
    expect(handle.peer.node).toBeInstanceOf(PeerNode);
  });

  it('an asynchronous binding is awaited', async () => {
    const container = services();
    const late = new Transcript();
    container.rebind(Transcript).toDynamicValue(async () => Promise.resolve(late));
    await using handle = own(await createPeer(ByList, { container, ...memory }));
    expect(handle.peer.transcript).toBe(late);
  });

  it('a dependency that nobody bound is named, with the class and the error of the container', async () => {
    const error = await peerErrorOf('P2P_ERR_MISSING_DEPENDENCY', () => createPeer(ByList, memory));
    expect(error.message).toMatch(/^ByList cannot be made: .*Clock/);
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
    container.load(peerModule(ByList, inMemory()));
    await using handle = await startPeer(container, ByList);
    expect(handle.peer).toBe(container.get(ByList));
    expect(handle.node).toBe(container.get(PeerNode));
    expect(handle.address?.host).toBe('127.0.0.1');
  });

  it('a second start of the same peer is refused and leaves the first alone', async () => {
    const container = services();
    container.load(peerModule(ByList, inMemory()));
    await using handle = await startPeer(container, ByList);
    await peerErrorOf('P2P_ERR_ALREADY_STARTED', () => startPeer(container, ByList));
    expect(handle.node.state).toBe('open');
  });

  it('a container without the module is told so', async () => {
    await peerErrorOf('P2P_ERR_MISSING_DEPENDENCY', () => startPeer(services(), ByList));
  });
});
