import { describe, expect, it } from '@jest/globals';
import { createPeer, OnConnect, OnMessage, Peer, peerModule, startPeer } from '@pea2pea/decorators';
import { Container, injectable } from 'inversify';
import { hostileValues, lab, peerErrorOf, textCodec } from '@pea2pea/testing';
import { inMemory } from './lab.js';

const { own } = lab();

const codec = textCodec();
type Loose = (...args: unknown[]) => unknown;
/** A decorator that the compiler lets stand anywhere, in both modes. */
type Anywhere = (...site: unknown[]) => void;
const schema = (overrides: object) => ({
  '~standard': { version: 1, vendor: 'by hand', validate: () => ({ value: 1 }), ...overrides },
});
const invalid = (act: () => unknown) => peerErrorOf('P2P_ERR_INVALID_DECORATOR', act);

describe('where decorators do not belong', () => {
  it.each<[what: string, define: () => unknown, message: string]>([
    [
      'a class',
      () => {
        @(OnMessage() as Anywhere)
        class Chat {}
        return Chat;
      },
      '@OnMessage stands on the class Chat',
    ],
    [
      'a method, for @Peer',
      () => {
        class Chat {
          @(Peer({ codec }) as Anywhere)
          greet() {}
        }
        return Chat;
      },
      '@Peer stands on greet, which is not a class',
    ],
    [
      'a method that has it',
      () => {
        class Chat {
          @OnConnect()
          @OnConnect()
          greet() {}
        }
        return Chat;
      },
      '@OnConnect stands twice on the method greet()',
    ],
    [
      'a class that is a peer already',
      () => {
        @Peer({ codec })
        @Peer({ codec })
        class Chat {}
        return Chat;
      },
      '@Peer stands twice on Chat',
    ],
    [
      'a class that is @injectable already',
      () => {
        @Peer({ codec })
        @injectable()
        class Chat {}
        return Chat;
      },
      '@Peer cannot make Chat injectable',
    ],
    [
      'a hook method, without its parentheses',
      () => {
        class Chat {
          @(OnConnect as Anywhere)
          greet() {}
        }
        return Chat;
      },
      'write @OnConnect()',
    ],
    [
      'a message method, without its parentheses',
      () => {
        class Chat {
          @(OnMessage as Anywhere)
          read() {}
        }
        return Chat;
      },
      '@OnMessage(codec)',
    ],
    [
      'a peer, without its parentheses',
      () => {
        @(Peer as Anywhere)
        class Chat {}
        return Chat;
      },
      'write @Peer({ codec })',
    ],
  ])('%s', async (_what, define, message) => {
    expect((await invalid(define)).message).toContain(message);
  });

  it.each<[what: string, args: unknown[], message: string]>([
    [
      'no codec',
      [{ decode: true }],
      'takes a codec, a tagged codec and a tag, a Standard Schema, a class, a guard, or nothing',
    ],
    ['null', [null], 'takes a codec'],
    ['a text', ['chat'], 'takes a codec'],
    ['two things', [codec, codec], 'takes a codec'],
    ['undefined', [undefined], '@OnMessage is given undefined; if two modules import each other'],
    ['a schema of another version', [schema({ version: 2 })], 'not a Standard Schema of version 1'],
    ['a schema that cannot validate', [schema({ validate: true })], 'not a Standard Schema of version 1'],
    ['nothing for a schema', [{ '~standard': undefined }], 'not a Standard Schema of version 1'],
    ['String', [String], 'no string is an instance of it; write @OnMessage((message: unknown) => typeof'],
    ['Number', [Number], "typeof message === 'number')"],
    ['Boolean', [Boolean], "typeof message === 'boolean')"],
    ['BigInt', [BigInt], "typeof message === 'bigint')"],
    ['Symbol', [Symbol], "typeof message === 'symbol')"],
  ])('@OnMessage is not given %s', async (_what, args, message) => {
    expect((await invalid(() => (OnMessage as Loose)(...args))).message).toContain(message);
  });
});

describe('what is refused when a peer starts', () => {
  class Undecorated {
    @OnConnect()
    greet() {}
  }

  it('a class without @Peer, by whatever way it comes', async () => {
    for (const start of [
      () => createPeer(Undecorated),
      () => peerModule(Undecorated),
      () => startPeer(new Container(), Undecorated),
      () => createPeer(undefined as never),
    ]) {
      await peerErrorOf('P2P_ERR_NOT_A_PEER', start);
    }
    const error = await peerErrorOf('P2P_ERR_NOT_A_PEER', () => createPeer(Undecorated));
    expect(error.message).toBe(
      'Undecorated is not a peer: it has no @Peer; annotate the class: @Peer({ codec })',
    );
  });

  it('an object of a peer class in place of the class', async () => {
    @Peer({ codec })
    class Made {}
    const error = await peerErrorOf('P2P_ERR_NOT_A_PEER', () => createPeer(new Made() as never));
    expect(error.message).toBe(
      'an object of Made is not a peer; give the class, Made: its object is made for you',
    );
  });

  // A proxy of a class may be a peer: that it has no @Peer takes a look through its traps.
  const values = hostileValues().filter(([name]) => !name.endsWith('proxy of a function'));

  it.each(values)('%s in place of a class, and as an option', async (name, make) => {
    const { value, calls } = make();
    const messages = [(await peerErrorOf('P2P_ERR_NOT_A_PEER', () => createPeer(value as never))).message];
    if (name !== 'nothing') {
      @((Peer as Loose)({ codec, unmatched: value }) as Anywhere)
      class Odd {}
      messages.push((await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => createPeer(Odd))).message);
    }
    for (const message of messages) {
      expect(message).toMatch(/^.{1,700}$/);
      expect(message).not.toContain('secret');
    }
    expect(calls()).toBe(0);
  });

  it('a peer without a codec, unless the configuration has one', async () => {
    @((Peer as Loose)({}) as Anywhere)
    class Mute {}
    const error = await peerErrorOf('P2P_ERR_MISSING_CODEC', () => createPeer(Mute));
    expect(error.message).toContain('Mute has no codec');
    await using handle = own(await createPeer(Mute, { config: { ...inMemory(), codec } }));
    expect(handle.node.state).toBe('open');
  });

  it('@OnMessage with a codec that is not the one of @Peer', async () => {
    @Peer({ codec })
    class Confused {
      @OnMessage(textCodec())
      read() {}
    }
    expect((await invalid(() => createPeer(Confused))).message).toContain(
      'Confused.read() has @OnMessage with another codec than that of @Peer',
    );
  });

  it('a codec of the configuration may stand in for that of both', async () => {
    @Peer({ codec })
    class Wrapped {
      @OnMessage(codec)
      read() {}
    }
    const other = textCodec();
    await using handle = own(await createPeer(Wrapped, { config: { ...inMemory(), codec: other } }));
    expect(handle.node.config.codec).toBe(other);
  });

  it('a hook method that a decorator above it replaced', async () => {
    const wrapper = (method: Loose): Loose => {
      return (...args) => method(...args);
    };
    const traced = ((target: Loose, _name: unknown, descriptor?: { readonly value: Loose }) =>
      descriptor === undefined
        ? wrapper(target)
        : { ...descriptor, value: wrapper(descriptor.value) }) as Anywhere;
    @Peer({ codec })
    class Traced {
      @traced
      @OnMessage(codec)
      read() {}
    }
    @Peer({ codec })
    class Fine {
      @OnMessage(codec)
      @traced
      read() {}
    }
    expect((await invalid(() => createPeer(Traced))).message).toContain(
      'the decorator above @OnMessage on Traced.read() replaced the method',
    );
    await using handle = own(await createPeer(Fine, { config: inMemory() }));
    expect(handle.node.state).toBe('open');
  });

  it('a field or an accessor in the place of a hook method', async () => {
    @Peer({ codec })
    class Base {
      @OnConnect()
      greet(): unknown {
        return undefined;
      }
    }
    class Hidden extends Base {
      constructor() {
        super();
        Object.defineProperty(this, 'greet', { value: 'hello' });
      }
    }
    class Computed extends Base {}
    Object.defineProperty(Computed.prototype, 'greet', { get: () => () => undefined });
    expect((await invalid(() => createPeer(Hidden))).message).toContain('an instance has a field there');
    expect((await invalid(() => createPeer(Computed))).message).toContain(
      'Computed.greet overrides a hook method, but is not a method',
    );
  });
});
