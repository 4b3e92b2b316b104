import { describe, expect, it } from '@jest/globals';
import {
  memoryTransport,
  PeerNode,
  type Connection as PeerConnection,
  type DisconnectReason,
} from '@pea2pea/core';
import {
  Connection,
  createPeer,
  OnDisconnect,
  OnError,
  OnMessage,
  Peer,
  Session,
  type AnyConnection,
} from '@pea2pea/decorators';
import { Container, decorate, inject, injectable } from 'inversify';
import { dialler, inMemory, peerErrorOf, until } from './lab.js';
import { talkTo } from './message-lab.js';
import { textCodec } from './text-codec.js';

const codec = textCodec();

@Session({ inject: [Connection] })
class Counter {
  static readonly disposed: Counter[] = [];
  readonly connection: PeerConnection<string>;
  readonly seen: string[] = [];
  constructor(connection: PeerConnection<string>) {
    this.connection = connection;
  }
  @OnMessage()
  async count(text: string, connection: PeerConnection<string>) {
    this.seen.push(text);
    await connection.send(`${this.seen.length}`);
  }
  [Symbol.dispose]() {
    Counter.disposed.push(this);
  }
}

@Peer({ codec, sessions: [Counter] })
class Counting {}

/** Two connections to a peer, and what each was answered. */
async function twoOn<T extends object>(Class: new () => T, container = new Container()) {
  const transport = memoryTransport();
  const handle = await createPeer(Class, { container, config: inMemory(transport) });
  const answers: string[][] = [];
  const nodes: PeerNode<string>[] = [];
  const connections: PeerConnection<string>[] = [];
  for (const index of [0, 1]) {
    const node = dialler(transport);
    answers.push([]);
    node.use({ onMessage: (text) => void answers[index]!.push(text) });
    nodes.push(node);
    connections.push(await node.connect(handle.address!));
  }
  return {
    handle,
    answers,
    connections: connections as [PeerConnection<string>, PeerConnection<string>],
    async [Symbol.asyncDispose]() {
      await Promise.all([handle, ...nodes].map((one) => one.close()));
    },
  };
}

describe('sessions', () => {
  it('live once for each connection, with that connection', async () => {
    await using two = await twoOn(Counting);
    const [one, other] = two.connections;
    for (const text of ['a', 'b']) await one.send(text);
    await other.send('c');
    await until(() => two.answers[0]!.length === 2 && two.answers[1]!.length === 1);
    expect(two.answers).toEqual([['1', '2'], ['1']]);
  });

  it('are disposed of after the last onDisconnect, and the close of the peer waits for it', async () => {
    const order: string[] = [];
    @Session()
    class Ends {
      @OnDisconnect()
      gone(_connection: AnyConnection, reason: DisconnectReason) {
        order.push(`session hears of ${reason.origin}`);
      }
      async [Symbol.asyncDispose]() {
        await new Promise((resolve) => setImmediate(resolve));
        order.push('disposed');
      }
    }
    @Peer({ codec, sessions: [Ends] })
    class Host {
      @OnDisconnect()
      gone() {
        order.push('peer');
      }
    }
    await using talk = await talkTo(Host);
    await until(() => talk.handle.node.connections.size === 1);
    await talk.handle.close();
    expect(order).toEqual(['peer', 'session hears of shutdown', 'disposed']);
  });
});

class Audit {
  static made = 0;
  readonly connection: AnyConnection;
  constructor(connection: AnyConnection) {
    Audit.made++;
    this.connection = connection;
  }
}
decorate(injectable(), Audit);
decorate(inject(Connection), Audit, 0);

describe('what belongs to a connection', () => {
  @Session({ inject: [Audit] })
  class Audited {
    readonly audit: Audit;
    constructor(audit: Audit) {
      this.audit = audit;
    }
    @OnMessage()
    async who(_text: string, connection: PeerConnection<string>) {
      await connection.send(this.audit.connection === connection ? 'mine' : 'of somebody else');
    }
  }
  @Peer({ codec, sessions: [Audited] })
  class Host {}

  it('is refused to a singleton at boot: no connection is served another one', async () => {
    const container = new Container();
    container.bind(Audit).toSelf().inSingletonScope();
    const error = await peerErrorOf('P2P_ERR_CAPTIVE_DEPENDENCY', () => createPeer(Host, { container }));
    expect(error.message).toContain(
      'the singleton Audit depends on what belongs to one connection: Audit -> Connection',
    );
  });

  it.each(['inRequestScope', 'inTransientScope'] as const)('is given to what is bound %s', async (scope) => {
    const container = new Container();
    container.bind(Audit).toSelf()[scope]();
    await using two = await twoOn(Host, container);
    for (const connection of two.connections) await connection.send('who?');
    await until(() => two.answers.every((answers) => answers.length === 1));
    expect(two.answers).toEqual([['mine'], ['mine']]);
  });

  it('is refused to a factory that asks for it by itself', async () => {
    const container = new Container();
    container
      .bind(Audit)
      .toDynamicValue((context) => new Audit(context.get(Connection) as unknown as AnyConnection))
      .inSingletonScope();
    const failed: unknown[] = [];
    @Peer({ codec, sessions: [Audited] })
    class Watching {
      @OnError()
      note(error: unknown) {
        failed.push(error);
      }
    }
    const transport = memoryTransport();
    await using handle = await createPeer(Watching, { container, config: inMemory(transport) });
    await using node = dialler(transport);
    await node.connect(handle.address!);
    await until(() => failed.length === 1);
    expect(String(failed[0])).toContain('Connection');
  });

  it('is refused to the peer itself', async () => {
    @Peer({ codec, inject: [Connection] })
    class Greedy {
      constructor(_connection: PeerConnection<string>) {}
    }
    const error = await peerErrorOf('P2P_ERR_CAPTIVE_DEPENDENCY', () => createPeer(Greedy));
    expect(error.message).toContain('Connection belongs to one connection');
  });
});
