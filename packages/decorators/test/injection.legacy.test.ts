// What inversify takes from parameters and from the types that the compiler emits: legacy decorators have both.
import { describe, expect, it } from '@jest/globals';
import { memoryTransport, PeerNode } from '@pea2pea/core';
import { createPeer, Peer } from '@pea2pea/decorators';
import { Container, inject, injectable, preDestroy } from 'inversify';
import { lab, peerErrorOf, textCodec } from '@pea2pea/testing';

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

@Peer({ codec })
class ByType {
  readonly clock: Clock;
  readonly transcript: Transcript;
  constructor(clock: Clock, transcript: Transcript) {
    this.clock = clock;
    this.transcript = transcript;
  }

  @preDestroy()
  onDestroy() {
    this.transcript.lines.push('destroyed');
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

describe('injection under legacy decorators', () => {
  it('without a list the types that the compiler emits are injected', async () => {
    const container = services();
    await using handle = own(await createPeer(ByType, { container, ...memory }));
    expect(handle.peer.clock).toBe(container.get(Clock));
    expect(handle.peer.transcript).toBe(container.get(Transcript));
  });

  it('@inject on a parameter wins over its type', async () => {
    @Peer({ codec })
    class ByInject {
      readonly clock: Clock;
      readonly room: string;
      constructor(clock: Clock, @inject(ROOM) room: string) {
        this.clock = clock;
        this.room = room;
      }
    }
    await using handle = own(await createPeer(ByInject, { container: services(), ...memory }));
    expect(handle.peer.clock.startedMs).toBe(42);
    expect(handle.peer.room).toBe('lobby');
  });

  it('@inject beside a list is refused where it stands', async () => {
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => {
      @Peer({ codec, inject: [ROOM] })
      class Twice {
        readonly room: string;
        constructor(@inject(ROOM) room: string) {
          this.room = room;
        }
      }
      return Twice;
    });
    expect(error.message).toContain('leave out @injectable, and with `inject` the @inject on parameters');
  });

  it('the node is injected by its type, too', async () => {
    @Peer({ codec })
    class Typed {
      readonly node: PeerNode<string>;
      constructor(node: PeerNode<string>) {
        this.node = node;
      }
    }
    await using handle = own(await createPeer(Typed, memory));
    expect(handle.peer.node).toBe(handle.node);
  });

  it('a subclass without a constructor has the dependencies of its base', async () => {
    class Derived extends ByType {}
    const container = services();
    await using handle = own(await createPeer(Derived, { container, ...memory }));
    expect(handle.peer.transcript).toBe(container.get(Transcript));
  });

  it('a dependency that nobody bound is named', async () => {
    const error = await peerErrorOf('P2P_ERR_MISSING_DEPENDENCY', () => createPeer(ByType, memory));
    expect(error.message).toMatch(/^ByType cannot be made: .*Clock/);
  });

  it('@preDestroy runs when the peer is closed', async () => {
    const handle = own(await createPeer(ByType, { container: services(), ...memory }));
    await handle.close();
    expect(handle.peer.transcript.lines).toEqual(['destroyed']);
  });
});
