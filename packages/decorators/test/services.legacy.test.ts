import { expect, it } from '@jest/globals';
import { memoryTransport, type Connection } from '@pea2pea/core';
import { createPeer, OnMessage, OnStart, Peer, Session, SessionConnection } from '@pea2pea/decorators';
import { ContainerModule, inject, injectable, postConstruct, preDestroy } from 'inversify';
import { lab, textCodec, until } from '@pea2pea/testing';
import { dialler, inMemory } from './lab.js';

const { own } = lab();

const codec = textCodec();
const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('@postConstruct and @preDestroy are awaited, in the order of the making and in its reverse', async () => {
  const order: string[] = [];
  @injectable()
  class Store {
    @postConstruct()
    async open() {
      await later();
      order.push('store opened');
    }
    @preDestroy()
    async close() {
      await later();
      order.push('store closed');
    }
  }
  @injectable()
  class Index {
    constructor(_store: Store) {}
    @postConstruct()
    async build() {
      await later();
      order.push('index built');
    }
    @preDestroy()
    async drop() {
      await later();
      order.push('index dropped');
    }
    [Symbol.dispose]() {
      order.push('index disposed of');
    }
  }
  @Peer({ codec, inject: [Index] })
  class Host {
    constructor(_index: Index) {}
    @OnStart()
    start() {
      order.push('started');
    }
    @preDestroy()
    end() {
      order.push('peer ended');
    }
  }
  const bindings = new ContainerModule(({ bind }) => {
    bind(Index).toSelf().inSingletonScope();
    bind(Store).toSelf().inSingletonScope();
  });
  const handle = own(await createPeer(Host, { bindings }));
  await handle.close();
  expect(order).toEqual([
    'store opened',
    'index built',
    'started',
    'peer ended',
    'index dropped',
    'index disposed of',
    'store closed',
  ]);
});

it('a session is made with @postConstruct before its first message, and ends with @preDestroy', async () => {
  const order: string[] = [];
  @Session()
  class Prepared {
    // Constructor and property: the types that the compiler leaves name the connection, too.
    @inject(SessionConnection)
    readonly property!: Connection<string>;
    readonly connection: Connection<string>;
    constructor(connection: SessionConnection<string>) {
      this.connection = connection;
    }
    @postConstruct()
    async prepare() {
      await later();
      order.push(`prepared ${this.property === this.connection}`);
    }
    @OnMessage()
    hear(text: string) {
      order.push(text);
    }
    @preDestroy()
    end() {
      order.push('ended');
    }
  }
  @Peer({ codec, sessions: [Prepared] })
  class Host {}
  const transport = memoryTransport();
  await using handle = own(await createPeer(Host, { config: inMemory(transport) }));
  await using node = dialler(transport);
  const connection = await node.connect(handle.address!);
  await connection.send('hello');
  await until(() => order.includes('hello'));
  await connection.disconnect();
  await until(() => order.includes('ended'));
  expect(order).toEqual(['prepared true', 'hello', 'ended']);
});

it('@preDestroy on the method that disposes of a service runs it once', async () => {
  let ended = 0;
  @injectable()
  class Service {
    @preDestroy()
    [Symbol.asyncDispose]() {
      ended++;
    }
  }
  @Peer({ codec, inject: [Service] })
  class Host {
    constructor(_service: Service) {}
  }
  const bindings = new ContainerModule(({ bind }) => {
    bind(Service).toSelf().inSingletonScope();
  });
  await (await createPeer(Host, { bindings })).close();
  expect(ended).toBe(1);
});
