import { describe, expect, it } from '@jest/globals';
import { json, lines, tagged, unchecked, type TaggedMessage } from '@pea2pea/codecs';
import { memoryTransport, PeerNode, type Connection } from '@pea2pea/core';
import { createPeer, OnMessage, Peer } from '@pea2pea/decorators';
import { lab, peerErrorOf, until } from '@pea2pea/testing';
import { inMemory } from './lab.js';

const { own } = lab();

const members = {
  join: unchecked<{ readonly room: string }>(),
  text: unchecked<{ readonly text: string }>(),
  leave: unchecked<object>(),
};
type Chat = TaggedMessage<typeof members>;
const chat = tagged(members, { over: json(lines()) });

@Peer({ codec: chat })
class Room {
  readonly seen: unknown[] = [];

  @OnMessage(chat, 'join')
  async onJoin({ room }: { readonly room: string }, connection: Connection<Chat>) {
    this.seen.push(`join ${room}`);
    await connection.send({ type: 'text', text: `welcome to ${room}` });
  }
  @OnMessage(chat, 'text')
  onText({ type, text }: { readonly type: 'text'; readonly text: string }) {
    this.seen.push(`${type} ${text}`);
  }
}

describe('a tag', () => {
  it('brings a message of a tagged codec to its method; one that no method names is unmatched', async () => {
    const transport = memoryTransport();
    await using handle = own(await createPeer(Room, { config: inMemory(transport) }));
    await using node = own(new PeerNode({ codec: chat, transport }));
    const answers: Chat[] = [];
    node.use({ onMessage: (message) => void answers.push(message) });
    const connection = await node.connect(handle.address!);
    await connection.send({ type: 'join', room: 'tea' });
    await connection.send({ type: 'text', text: 'hello' });
    await until(() => handle.peer.seen.length === 2 && answers.length === 1);
    expect(handle.peer.seen).toEqual(['join tea', 'text hello']);
    expect(answers).toEqual([{ type: 'text', text: 'welcome to tea' }]);
    await connection.send({ type: 'leave' });
    await connection.closed;
    expect(handle.unmatched).toBe(1);
  });

  it('leaves the rest to a catch-all behind it', async () => {
    @Peer({ codec: chat })
    class Rest {
      readonly seen: string[] = [];
      @OnMessage(chat, 'leave')
      onLeave() {
        this.seen.push('leave');
      }
      @OnMessage(chat)
      rest({ type }: Chat) {
        this.seen.push(`rest ${type}`);
      }
    }
    const transport = memoryTransport();
    await using handle = own(await createPeer(Rest, { config: inMemory(transport) }));
    await using node = own(new PeerNode({ codec: chat, transport }));
    const connection = await node.connect(handle.address!);
    await connection.send({ type: 'text', text: 'x' });
    await connection.send({ type: 'leave' });
    await until(() => handle.peer.seen.length === 2);
    expect(handle.peer.seen).toEqual(['rest text', 'leave']);
  });
});

describe('refused', () => {
  it('a tag that the codec does not have, a codec without tags', async () => {
    const unknown = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => OnMessage(chat, 'shout' as 'text'));
    expect(unknown.message).toContain(
      'the tag shout, which its codec does not have; take one of join, text, leave',
    );
    const without = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () =>
      OnMessage(json() as never, 'text' as never),
    );
    expect(without.message).toContain('make the codec with tagged()');
  });

  it('two methods for one tag, and another codec than that of the peer', async () => {
    @Peer({ codec: chat })
    class Twice {
      @OnMessage(chat, 'text')
      one() {}
      @OnMessage(chat, 'text')
      two() {}
    }
    @Peer({ codec: tagged(members) })
    class Confused {
      @OnMessage(chat, 'text')
      one() {}
    }
    const twice = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => createPeer(Twice));
    expect(twice.message).toContain('Twice.one() and Twice.two() both take messages with the tag text');
    const confused = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => createPeer(Confused));
    expect(confused.message).toContain('another codec');
  });
});

describe('types', () => {
  it('a wrong tag, message or connection does not compile', () => {
    // @ts-expect-error no such tag
    const noSuchTag = () => OnMessage(chat, 'shout');
    class Wrong {
      // @ts-expect-error the message of that tag has no number
      @OnMessage(chat, 'text')
      wrongMessage(_message: { readonly text: number }) {}
      // @ts-expect-error another member of the union
      @OnMessage(chat, 'text')
      wrongMember(_message: { readonly room: string }) {}
      // @ts-expect-error a connection of something else
      @OnMessage(chat, 'text')
      wrongConnection(_message: unknown, _connection: Connection<number>) {}
    }
    // @ts-expect-error a codec without tags
    const noTags = () => OnMessage(json<Chat>(), 'text');
    expect([noSuchTag, Wrong, noTags]).toHaveLength(3);
  });
});
