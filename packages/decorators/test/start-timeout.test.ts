import { describe, expect, it } from '@jest/globals';
import { PeerNode } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { createApp, createPeer, OnStart, OnStop, Peer, Plugin } from '@pea2pea/decorators';
import { ContainerModule, injectable } from 'inversify';
import { ANYWHERE, lab, never, peerErrorOf, textCodec, until } from '@pea2pea/testing';
import { inMemory } from './lab.js';

const { own } = lab();

const codec = textCodec();
describe('an @OnStart that does not settle', () => {
  it('fails the start with its class and method, and all that was started is stopped', async () => {
    const calls: string[] = [];
    let node: PeerNode<unknown> | undefined;
    @Plugin({ inject: [PeerNode] })
    class Early {
      constructor(own: PeerNode<unknown>) {
        node = own;
      }
      @OnStart()
      start() {
        calls.push('start');
      }
      @OnStop()
      stop() {
        calls.push('stop');
      }
    }
    @Peer({ codec, plugins: [Early], listen: ANYWHERE })
    class Stuck {
      @OnStart()
      begin() {
        calls.push('begin');
        return never();
      }
      @OnStop()
      end() {
        calls.push('end');
      }
    }
    const error = await peerErrorOf('P2P_ERR_START_TIMEOUT', () =>
      createPeer(Stuck, { config: { ...inMemory(), startTimeoutMs: 20 } }),
    );
    expect(error.message).toContain('Stuck.begin() has not settled in 20 ms');
    expect(calls).toEqual(['start', 'begin', 'stop']);
    expect([node?.state, node?.address]).toEqual(['closed', undefined]);
  });

  it('of a service of an application does, too, and is stopped should it settle later', async () => {
    const calls: string[] = [];
    let settle!: () => void;
    @injectable()
    class Slow {
      @OnStart()
      open(): Promise<void> {
        return new Promise((resolve) => (settle = resolve));
      }
      @OnStop()
      shut() {
        calls.push('shut');
      }
    }
    const bindings = new ContainerModule(({ bind }) => void bind(Slow).toSelf().inSingletonScope());
    @Peer({ codec })
    class Plain {}
    const error = await peerErrorOf('P2P_ERR_START_TIMEOUT', () =>
      createApp({ bindings, peers: [Plain], services: [Slow], startTimeoutMs: 20 }),
    );
    expect(error.message).toContain('Slow.open()');
    expect(calls).toEqual([]);
    settle();
    await until(() => calls.length === 1);
    expect(calls).toEqual(['shut']);
  });

  it('of a service goes by the clock of the application', async () => {
    const clock = new ControlledClock();
    let begun = 0;
    @injectable()
    class Slow {
      @OnStart()
      open() {
        begun++;
        return never();
      }
    }
    const bindings = new ContainerModule(({ bind }) => void bind(Slow).toSelf().inSingletonScope());
    const starting = createApp({ bindings, peers: [], services: [Slow], startTimeoutMs: 5_000, clock });
    const refused = peerErrorOf('P2P_ERR_START_TIMEOUT', () => starting);
    await until(() => begun === 1);
    clock.advance(4_999);
    expect(clock.pending).toBe(1);
    clock.advance(1);
    await refused;
    expect(clock.pending).toBe(0);
  });

  it('goes by the clock of the node; one in time leaves no timer', async () => {
    const clock = new ControlledClock();
    let begun = 0;
    @Peer({ codec })
    class Patient {
      @OnStart()
      quick() {
        begun++;
      }
      @OnStart()
      async later() {
        await Promise.resolve();
        begun++;
      }
    }
    await using _handle = own(await createPeer(Patient, { config: { ...inMemory(), clock } }));
    expect([begun, clock.pending]).toEqual([2, 0]);
  });

  it.each([0, -1, 1.5, NaN, 2 ** 31])('a limit of %s is refused', async (startTimeoutMs) => {
    @Peer({ codec })
    class Plain {}
    const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () =>
      createPeer(Plain, { config: { ...inMemory(), startTimeoutMs } }),
    );
    expect(error.message).toContain('`startTimeoutMs`');
  });
});
