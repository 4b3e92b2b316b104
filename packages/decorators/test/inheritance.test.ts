import { describe, expect, it } from '@jest/globals';
import { memoryTransport, type Connection } from '@pea2pea/core';
import { createPeer, OnConnect, OnMessage, Peer } from '@pea2pea/decorators';
import { Container, decorate, injectable, preDestroy } from 'inversify';
import { lab, peerErrorOf, textCodec, until } from '@pea2pea/testing';
import { dialler, inMemory } from './lab.js';

const { own } = lab();

const codec = textCodec();

@injectable('Singleton')
class Log {
  readonly lines: string[] = [];
}

@Peer({ codec, name: 'base', maxConnections: 7, inject: [Log] })
class Base {
  readonly log: Log;

  constructor(log: Log) {
    this.log = log;
  }

  @OnConnect()
  greet(_connection: Connection<string>) {
    this.log.lines.push('base greets');
  }

  @OnMessage(codec)
  read(message: string) {
    this.log.lines.push(`base: ${message}`);
  }

  onDestroy() {
    this.log.lines.push('destroyed');
  }
}
// What @preDestroy() does under legacy decorators, in both modes.
decorate(preDestroy(), Base, 'onDestroy');

/** Starts `Class`, sends it one line, and answers what it logged. */
async function conversation(Class: new (...args: never) => Base) {
  const container = new Container();
  container.bind(Log).toSelf();
  const transport = memoryTransport();
  await using node = dialler(transport);
  const handle = own(await createPeer(Class, { container, config: inMemory(transport) }));
  const connection = await node.connect(handle.address!);
  await connection.send('hello');
  const { lines } = handle.peer.log;
  await until(() => lines.some((line) => line.includes('hello')));
  await handle.close();
  return { lines, config: handle.node.config };
}

describe('inheritance', () => {
  it('a subclass without decorators is the same kind of peer', async () => {
    class Plain extends Base {}
    const { lines, config } = await conversation(Plain);
    expect(lines).toEqual(['base greets', 'base: hello', 'destroyed']);
    expect(config).toMatchObject({ codec, name: 'base', maxConnections: 7 });
  });

  it('its own @Peer overrides options one by one, and leaves those of the base alone', async () => {
    @Peer({ codec, name: 'derived' })
    class Derived extends Base {}
    expect((await conversation(Derived)).config).toMatchObject({ name: 'derived', maxConnections: 7 });
    expect((await conversation(Base)).config).toMatchObject({ name: 'base', maxConnections: 7 });
  });

  it('an overriding method keeps the role of what it overrides, without being decorated', async () => {
    class Quiet extends Base {
      override read(message: string) {
        this.log.lines.push(`quiet: ${message}`);
      }
    }
    expect((await conversation(Quiet)).lines).toEqual(['base greets', 'quiet: hello', 'destroyed']);
  });

  it('decorating it again replaces the role', async () => {
    class Swapped extends Base {
      @OnMessage()
      override greet(message: unknown) {
        if (typeof message === 'string') this.log.lines.push(`swapped: ${message}`);
      }
    }
    // Two message methods now: the one of the base is no longer alone.
    await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => createPeer(Swapped));

    class Once extends Base {
      @OnMessage()
      override read(message: string) {
        this.log.lines.push(`once: ${message}`);
      }
    }
    expect((await conversation(Once)).lines).toEqual(['base greets', 'once: hello', 'destroyed']);
  });

  it('methods of the base come first', async () => {
    class More extends Base {
      @OnConnect()
      greetAgain() {
        this.log.lines.push('more greets');
      }
    }
    expect((await conversation(More)).lines).toEqual([
      'base greets',
      'more greets',
      'base: hello',
      'destroyed',
    ]);
    expect((await conversation(Base)).lines).toEqual(['base greets', 'base: hello', 'destroyed']);
  });

  it('a constructor of its own names its own dependencies', async () => {
    @Peer({ codec, inject: [] })
    class Own extends Base {
      constructor() {
        super(new Log());
        this.log.lines.push('own log');
      }
    }
    await using handle = own(await createPeer(Own, { config: inMemory() }));
    expect(handle.peer.log.lines).toEqual(['own log']);
  });

  it('hook methods of a base that is no peer count', async () => {
    class Greeter {
      greeted = 0;
      @OnConnect()
      greet() {
        this.greeted++;
      }
    }
    @Peer({ codec })
    class Friendly extends Greeter {}
    const transport = memoryTransport();
    await using node = dialler(transport);
    await using handle = own(await createPeer(Friendly, { config: inMemory(transport) }));
    await node.connect(handle.address!);
    await until(() => handle.peer.greeted === 1);
    await peerErrorOf('P2P_ERR_NOT_A_PEER', () => createPeer(Greeter));
    expect(handle.peer.greeted).toBe(1);
  });
});
