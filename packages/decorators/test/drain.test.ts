import { describe, expect, it } from '@jest/globals';
import type { Connection } from '@pea2pea/core';
import { createApp, createPeer, OnDrain, OnMessage, OnStart, OnStop, Peer } from '@pea2pea/decorators';
import { ContainerModule } from 'inversify';
import { lab, never, soon, textCodec, turn, until } from '@pea2pea/testing';
import { dialler, inMemory } from './lab.js';

const { own } = lab();
const codec = textCodec();
const order: string[] = [];
const noted = (): string[] => order.splice(0);
let finish: () => void = () => {};

@Peer({ codec })
class Worker {
  @OnMessage()
  async work(message: string, connection: Connection<string>) {
    await new Promise<void>((resolve) => (finish = resolve));
    connection.trySend(`done: ${message}`);
  }
  @OnDrain()
  onDrain() {
    order.push('peer: drains');
  }
  @OnStop()
  onStop() {
    order.push('peer: stops');
  }
}

@Peer({ codec })
class Stuck {
  @OnMessage()
  hang() {
    return never();
  }
}

class HttpSide {
  @OnStart()
  start() {}
  @OnStop()
  stop() {
    order.push('service: stops');
  }
}

const listen = { host: '127.0.0.1', port: 0 };

describe('drain() of an application', () => {
  it('drains the peers while its services are up, and then closes', async () => {
    const network = inMemory();
    const app = own(
      await createApp({
        bindings: new ContainerModule(({ bind }) => void bind(HttpSide).toSelf().inSingletonScope()),
        peers: [{ peer: Worker, config: network, listen }],
        services: [HttpSide],
      }),
    );
    const peer = app.peer(Worker);
    expect(app.peers).toEqual([peer]);
    const received: string[] = [];
    const client = dialler(network.transport!);
    client.use({ onMessage: (message) => void received.push(message) });
    const connection = await client.connect(peer.address!);
    connection.trySend('work');
    await until('it works', () =>
      [...peer.node.connections].some((one) => peer.node.inside.of(one).isHandling),
    );
    const draining = app.drain();
    await turn(3);
    expect(noted()).toEqual(['peer: drains']);
    finish();
    expect(await soon('the drain', draining)).toMatchObject([{ cut: [], close: { cut: [] } }]);
    expect(noted()).toEqual(['service: stops', 'peer: stops']);
    await until('the reply', () => received.length === 1);
    expect(received).toEqual(['done: work']);
  });
});

describe('drainOn', () => {
  it('drains on a signal, and closes at once on a second one', async () => {
    const network = inMemory();
    const peer = own(await createPeer(Stuck, { config: network, listen })).drainOn('SIGUSR2');
    const client = dialler(network.transport!);
    const connection = await client.connect(peer.address!);
    connection.trySend('hang');
    await until('it works', () =>
      [...peer.node.connections].some((one) => peer.node.inside.of(one).isHandling),
    );
    process.emit('SIGUSR2');
    await until('it drains', () => peer.address === undefined);
    expect(peer.node.state).toBe('draining');
    process.emit('SIGUSR2');
    expect(peer.node.state).toBe('closing');
    await soon('the end', peer.closed);
    expect(process.listenerCount('SIGUSR2')).toBe(0);
  });
});
