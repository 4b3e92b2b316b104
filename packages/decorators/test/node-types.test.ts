// Checked by `npm run check:types`: each `@ts-expect-error` is a mistake that must not compile. What is in functions is
// not run.
import { describe, expect, it } from '@jest/globals';
import type { AnyConnection, Codec, Connection, ConnectionOf, MessageOf } from '@pea2pea/core';
import { PeerNode } from '@pea2pea/core';
import {
  createApp,
  createPeer,
  handleOf,
  OnConnect,
  OnMessage,
  Peer,
  type PeerHandle,
} from '@pea2pea/decorators';
import { textCodec } from '@pea2pea/testing';
import { inMemory } from './lab.js';

interface Chat {
  readonly text: string;
}
interface Command {
  readonly command: string;
}
const text = textCodec();

type Is<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
const typeOf =
  <T>(): (<U>(is: Is<T, U>) => void) =>
  () =>
    undefined;

class ByMethod {
  onChat(_message: Chat, _connection: Connection<Chat>): void {}
  unrelated(_other: string): void {}
  anything(_connection: AnyConnection): void {}
}
class BothWays {
  onChat(_message: Chat, _connection: Connection<Chat, Command>): void {}
}
class ByNode {
  constructor(_node: PeerNode<Chat>) {}
}
class Untold {
  onMessage(_message: Chat): void {}
}

export async function theNodeOfAHandle(): Promise<void> {
  const byMethod = await createPeer(ByMethod);
  typeOf<typeof byMethod.node>()<PeerNode<Chat, Chat>>(true);
  byMethod.node.broadcast({ text: 'hello' });
  // @ts-expect-error not a Chat
  byMethod.node.broadcast(undefined);
  const connection = await byMethod.node.connect('127.0.0.1:1');
  await connection.send({ text: 'hello' });
  // @ts-expect-error not a Chat
  await connection.send(42);

  const bothWays = await createPeer(BothWays);
  bothWays.node.broadcast({ command: 'go' });
  // @ts-expect-error a Chat is received, not sent
  bothWays.node.broadcast({ text: 'hello' });

  const byNode = await createPeer(ByNode);
  typeOf<typeof byNode.node>()<PeerNode<Chat, Chat>>(true);
  byNode.node.broadcast({ text: 'hello' });

  const untold = await createPeer(Untold);
  typeOf<typeof untold.node>()<PeerNode<unknown>>(true);
  untold.node.broadcast(42);

  const app = await createApp({ peers: [ByMethod, ByNode] });
  typeOf<ReturnType<typeof app.peer<ByMethod, []>>['node']>()<PeerNode<Chat, Chat>>(true);
  // @ts-expect-error not a Chat
  app.peer(ByNode).node.broadcast(1);
}

export function handles(handle: PeerHandle<ByMethod>): void {
  const helper = (_any: PeerNode<unknown>): void => undefined;
  helper(handle.node);
  const other: PeerHandle<object> = handle;
  void other;
  void handleOf(ByMethod);
}

export function ofCodecs(chat: Codec<Chat>, client: Codec<Chat, Command>): void {
  void [chat, client];
  typeOf<MessageOf<typeof chat>>()<Chat>(true);
  typeOf<MessageOf<typeof client>>()<Chat>(true);
  typeOf<ConnectionOf<typeof client>>()<Connection<Chat, Command>>(true);
}

export function anyConnection(connection: AnyConnection, ofChats: Connection<Chat, Command>): void {
  const name = (any: AnyConnection): string => any.address.toString();
  name(connection);
  name(ofChats);
  // @ts-expect-error what it carries is not known
  connection.trySend('text');
}

describe('the types of a handle', () => {
  it('are those of the peer that runs', async () => {
    @Peer({ codec: text })
    class Texts {
      @OnMessage(text)
      onText(_message: string, _connection: Connection<string>): void {}
      @OnConnect()
      greet(connection: AnyConnection): void {
        expect(connection.state).toBe('open');
      }
    }
    const config = inMemory();
    await using one = await createPeer(Texts, { config });
    await using two = await createPeer(Texts, { config });
    const connection = await one.node.connect(two.address!);
    await connection.send('hello');
    expect(connection.stats.messagesSent).toBe(1);
  });
});
