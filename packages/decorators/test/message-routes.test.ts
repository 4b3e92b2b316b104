import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import type { Connection } from '@pea2pea/core';
import { createPeer, OnDisconnect, OnError, OnMessage, Peer } from '@pea2pea/decorators';
import { peerErrorOf, until } from '@pea2pea/testing';
import { inMemory } from './lab.js';
import { command, Join, messageCodec, Moderate, numeric, Recorder, schemaOf, talkTo } from './message-lab.js';

const codec = messageCodec();

@Peer({ codec })
class Every extends Recorder {
  @OnMessage(numeric)
  number(message: number, connection: Connection) {
    this.note('number', message, connection);
  }
  @OnMessage(Join)
  join(message: Join, connection: Connection) {
    this.note('join', message, connection);
  }
  @OnMessage((message: unknown) => Array.isArray(message))
  list(message: unknown[], connection: Connection) {
    this.note('list', message, connection);
  }
  @OnMessage(command)
  command(message: { readonly command: string }, connection: Connection) {
    this.note('command', message, connection);
  }
  @OnMessage(codec)
  rest(message: unknown, connection: Connection) {
    this.note('rest', message, connection);
  }
}

describe('message methods', () => {
  it('are picked by schema, class and guard; the catch-all gets what is left', async () => {
    await using talk = await talkTo(Every);
    await talk.send('12', ['Join', 'ann'], [1, 2], { command: 'stop', extra: true }, 'hello', null);
    const { calls } = talk.peer;
    await until(() => calls.length === 6);
    const [theirs] = talk.handle.node.connections;
    expect(calls).toEqual([
      ['number', 12, theirs],
      ['join', new Join('ann'), theirs],
      ['list', [1, 2], theirs],
      ['command', { command: 'stop' }, theirs],
      ['rest', 'hello', theirs],
      ['rest', null, theirs],
    ]);
    for (const [, , connection] of calls) expect(connection).toBe(theirs);
    expect(talk.handle.unmatched).toBe(0);
  });

  it('are called on the peer, and one replaced on the instance is the one that is called', async () => {
    await using talk = await talkTo(Every);
    const selves: unknown[] = [];
    talk.peer.number = function (this: unknown) {
      selves.push(this);
    };
    await talk.send('1');
    await until(() => selves.length === 1);
    expect(selves[0]).toBe(talk.peer);
  });

  it('are asked in the order of declaration: the first that takes a message gets it, alone', async () => {
    const asked: string[] = [];
    const asks = (name: string, answer: boolean) => (_message: unknown) => {
      asked.push(name);
      return answer;
    };

    @Peer({ codec })
    class Ordered extends Recorder {
      @OnMessage(asks('first', false))
      first() {
        this.note('first');
      }
      @OnMessage(asks('second', true))
      second() {
        this.note('second');
      }
      @OnMessage(asks('third', true))
      third() {
        this.note('third');
      }
      @OnMessage()
      rest() {
        this.note('rest');
      }
    }

    await using talk = await talkTo(Ordered);
    await talk.send(1);
    await until(() => talk.peer.calls.length === 1);
    await talk.connection.disconnect();
    expect(talk.peer.calls).toEqual([['second']]);
    expect(asked).toEqual(['first', 'second']);
  });

  it('a message goes by class, subclasses included, and by guard as it is: the very object', async () => {
    const guarded: unknown[] = [];

    @Peer({ codec })
    class ByIdentity extends Recorder {
      @OnMessage(Moderate)
      moderate(message: Moderate) {
        this.note('moderate', message);
      }
      @OnMessage(Join)
      join(message: Join) {
        this.note('join', message);
      }
      @OnMessage((message: unknown): message is object => guarded.push(message) > 0)
      rest(message: object) {
        this.note('rest', message);
      }
    }

    await using talk = await talkTo(ByIdentity);
    await talk.send(['Join', 'ann'], ['Moderate', 'bob'], { plain: true });
    const { calls } = talk.peer;
    await until(() => calls.length === 3);
    expect(calls.map(([name]) => name)).toEqual(['join', 'moderate', 'rest']);
    expect(calls[2]![1]).toBe(guarded[0]);
  });

  it('a lone catch-all is called by the hook itself, nothing in between', async () => {
    const frames: number[] = [];
    const count = () => frames.push(new Error().stack!.match(/src\/wiring\//g)!.length);

    @Peer({ codec })
    class Lone {
      @OnMessage()
      any() {
        count();
      }
    }
    @Peer({ codec })
    class Routed {
      @OnMessage((_message: unknown) => true)
      any() {
        count();
      }
    }
    for (const Class of [Lone, Routed]) {
      await using talk = await talkTo(Class);
      const before = frames.length;
      await talk.send('hello');
      await until(() => frames.length > before);
    }
    expect(frames[0]).toBe(1);
    expect(frames[1]).toBeGreaterThan(1);
  });

  it('are found by symbols, too, behind those with a text for a name', async () => {
    const symbol = Symbol('named by a symbol');

    @Peer({ codec })
    class Symbolic extends Recorder {
      @OnMessage()
      [symbol](message: unknown) {
        this.note('symbol', message);
      }
      @OnMessage(numeric)
      number(message: number) {
        this.note('number', message);
      }
    }
    await using talk = await talkTo(Symbolic);
    await talk.send('1', 'x');
    await until(() => talk.peer.calls.length === 2);
    expect(talk.peer.calls).toEqual([
      ['number', 1],
      ['symbol', 'x'],
    ]);
  });

  it('the promise of a method holds up the next message', async () => {
    let release!: () => void;

    @Peer({ codec })
    class Slow extends Recorder {
      @OnMessage(Join)
      async join() {
        this.note('join');
        await new Promise<void>((resolve) => (release = resolve));
        this.note('joined');
      }
      @OnMessage()
      rest() {
        this.note('rest');
      }
    }
    await using talk = await talkTo(Slow);
    await talk.send(['Join', 'ann'], 'next');
    await until(() => talk.handle.node.stats.messagesReceived === 1 && talk.handle.node.bufferedBytes > 0);
    expect(talk.peer.calls).toEqual([['join']]);
    release();
    await until(() => talk.peer.calls.length === 3);
    expect(talk.peer.calls).toEqual([['join'], ['joined'], ['rest']]);
  });
});

describe('message methods of a base class', () => {
  @Peer({ codec })
  class Base extends Recorder {
    @OnMessage(numeric)
    number(message: number) {
      this.note('base number', message);
    }
    @OnMessage(Join)
    join(_message: Join) {
      this.note('base join');
    }
  }

  it('come first, those of the subclass behind them', async () => {
    class Derived extends Base {
      @OnMessage((message: unknown) => message === '12' || message === 'twelve')
      twelve(message: string) {
        this.note('twelve', message);
      }
      @OnMessage()
      rest() {
        this.note('rest');
      }
    }
    await using talk = await talkTo(Derived);
    await talk.send('12', 'twelve', ['Join', 'ann'], 'x');
    await until(() => talk.peer.calls.length === 4);
    expect(talk.peer.calls).toEqual([['base number', 12], ['twelve', 'twelve'], ['base join'], ['rest']]);
  });

  it('overridden, keep their place and what they take', async () => {
    class Derived extends Base {
      @OnMessage()
      rest() {
        this.note('rest');
      }
      override number(message: number) {
        this.note('derived number', message);
      }
    }
    await using talk = await talkTo(Derived);
    await talk.send('12', 'x');
    await until(() => talk.peer.calls.length === 2);
    expect(talk.peer.calls).toEqual([['derived number', 12], ['rest']]);
  });

  it('overridden and decorated again, keep their place alone', async () => {
    class Derived extends Base {
      @OnMessage((message: unknown) => typeof message === 'string')
      override number(message: unknown) {
        this.note('any text', message);
      }
    }
    await using talk = await talkTo(Derived);
    await talk.send('12', 'x', ['Join', 'ann']);
    await until(() => talk.peer.calls.length === 3);
    expect(talk.peer.calls).toEqual([['any text', '12'], ['any text', 'x'], ['base join']]);
  });

  it('must not be a catch-all where the subclass has further ones', async () => {
    class Greedy extends Recorder {
      @OnMessage()
      all() {}
    }
    @Peer({ codec })
    class Derived extends Greedy {
      @OnMessage(Join)
      join() {}
    }
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => createPeer(Derived));
    expect(error.message).toContain('Derived.all() takes every message and leaves join() none');
    expect(error.message).toContain('methods of a base class come before those of a subclass');
  });
});

describe('asynchronous schemas', () => {
  /** Validates when it is told to. */
  function held() {
    const settle: ((result: { value: unknown } | { issues: { message: string }[] } | Error) => void)[] = [];
    const schema = schemaOf<unknown>(
      () =>
        new Promise((resolve, reject) => {
          settle.push((result) => (result instanceof Error ? reject(result) : resolve(result)));
        }),
    );
    return { schema, settle };
  }

  function peerOf({ schema }: ReturnType<typeof held>) {
    @Peer({ codec })
    class Later extends Recorder {
      @OnMessage(numeric)
      number(message: number) {
        this.note('number', message);
      }
      @OnMessage(schema)
      later(message: unknown) {
        this.note('later', message);
      }
      @OnMessage((message: unknown) => message !== 'nobody')
      rest(message: unknown) {
        this.note('rest', message);
      }
      @OnDisconnect()
      gone(_connection: Connection, reason: { readonly origin: string; readonly error?: unknown }) {
        this.note('gone', reason.error);
      }
    }
    return Later;
  }

  it('hold up the next message, and pass on their output', async () => {
    const later = held();
    await using talk = await talkTo(peerOf(later));
    await talk.send('first', '2');
    await until(() => talk.handle.node.stats.messagesReceived === 1 && talk.handle.node.bufferedBytes > 0);
    expect(talk.peer.calls).toEqual([]);
    later.settle[0]!({ value: 'FIRST' });
    await until(() => talk.peer.calls.length === 2);
    expect(talk.peer.calls).toEqual([
      ['later', 'FIRST'],
      ['number', 2],
    ]);
  });

  it('that refuse leave the message to the next method', async () => {
    const later = held();
    await using talk = await talkTo(peerOf(later));
    await talk.send('first');
    await until(() => later.settle.length === 1);
    later.settle[0]!({ issues: [{ message: 'not that' }] });
    await until(() => talk.peer.calls.length === 1);
    expect(talk.peer.calls).toEqual([['rest', 'first']]);
  });

  it('of two connections do not mix up what they have against their messages', async () => {
    const later = held();
    const errors: Error[] = [];
    @Peer({ codec })
    class Strict {
      @OnMessage(schemaOf<never>((value) => ({ issues: [{ message: `not ${String(value)}` }] })))
      never() {}
      @OnMessage(later.schema)
      later() {}
      @OnError()
      failed(error: unknown) {
        errors.push(error as Error);
      }
    }
    await using talk = await talkTo(Strict);
    const other = await talk.dial();
    await talk.send('a');
    await other.send('"b"');
    await until(() => later.settle.length === 2);
    for (const settle of later.settle) settle({ issues: [{ message: 'no' }] });
    await until(() => errors.length === 2);
    expect(errors.map(({ cause }) => cause)).toEqual(
      ['a', 'b'].map((text) => [
        { method: 'never', issues: [{ message: `not ${text}` }] },
        { method: 'later', issues: [{ message: 'no' }] },
      ]),
    );
  });

  it('that reject end the connection as a method that throws does', async () => {
    const later = held();
    await using talk = await talkTo(peerOf(later));
    await talk.send('first');
    await until(() => later.settle.length === 1);
    later.settle[0]!(new Error('the database is down'));
    await until(() => talk.peer.calls.length === 1);
    expect(talk.peer.calls).toEqual([['gone', new Error('the database is down')]]);
    expect(talk.handle.unmatched).toBe(0);
  });

  it.each([
    ['takes', { value: 'FIRST' }],
    ['refuses', { issues: [{ message: 'no' }] }],
  ])('a message that one %s when its connection has ended is dropped', async (_what, result) => {
    const later = held();
    await using talk = await talkTo(peerOf(later));
    await talk.send('nobody');
    await until(() => later.settle.length === 1);
    const [theirs] = talk.handle.node.connections;
    await theirs!.disconnect();
    later.settle[0]!(result);
    await new Promise((resolve) => setImmediate(resolve));
    expect(talk.peer.calls).toEqual([['gone', undefined]]);
    expect(talk.handle.unmatched).toBe(0);
  });
});

describe('a filter that fails', () => {
  const refuses = (what: unknown): never => {
    throw what;
  };

  it.each<[what: string, decorator: unknown, error: unknown]>([
    ['a schema that throws', schemaOf(() => refuses(new Error('broken'))), new Error('broken')],
    [
      'a guard that throws',
      (_message: unknown): boolean => refuses(new Error('broken')),
      new Error('broken'),
    ],
    [
      'a class whose instanceof throws',
      class {
        static [Symbol.hasInstance](): boolean {
          return refuses(new Error('broken'));
        }
      },
      new Error('broken'),
    ],
    [
      'an asynchronous guard',
      async () => true,
      expect.objectContaining({
        code: 'P2P_ERR_INVALID_CONFIG',
        message: expect.stringContaining('the guard of read() must return at once, not a promise'),
      }),
    ],
    [
      'an asynchronous guard that rejects',
      () => Promise.reject(new Error('that nobody hears')),
      expect.objectContaining({ code: 'P2P_ERR_INVALID_CONFIG' }),
    ],
    [
      'a guard that answers something like true',
      () => 1,
      new TypeError('the guard of read() returned number, not true or false'),
    ],
    [
      'a schema that answers nothing of use',
      schemaOf(() => ({}) as never),
      new TypeError('the schema of read returned neither a value nor issues'),
    ],
    ['a schema that answers a boolean', schemaOf(() => true as never), expect.any(TypeError)],
    ['a schema that answers nothing', schemaOf(() => undefined as never), expect.any(TypeError)],
  ])('%s is a method that throws', async (_what, filter, error) => {
    @Peer({ codec })
    class Broken extends Recorder {
      @OnMessage(filter as (message: unknown) => boolean)
      read() {
        this.note('read');
      }
      @OnMessage()
      rest() {
        this.note('rest');
      }
      @OnError()
      failed(...args: [unknown, { readonly hook: string }]) {
        this.note(args[0], args[1].hook);
        return 'keep' as const;
      }
    }
    await using talk = await talkTo(Broken);
    await talk.send('hello');
    await until(() => talk.peer.calls.length === 1);
    expect(talk.peer.calls).toEqual([[error, 'onMessage']]);
    expect(talk.connection.state).toBe('open');
    expect(talk.handle.unmatched).toBe(0);
  });
});

describe('what tells messages apart', () => {
  /** What a method gets of `message`, by this filter; undefined where it does not take it. */
  async function taken(filter: unknown, message: unknown): Promise<unknown> {
    @Peer({ codec })
    class Peeking extends Recorder {
      @OnMessage(filter as (message: unknown) => boolean)
      read(got: unknown) {
        this.note(got);
      }
      @OnMessage()
      rest() {
        this.note(undefined);
      }
    }
    await using talk = await talkTo(Peeking);
    await talk.send(message);
    await until(() => talk.peer.calls.length === 1);
    return talk.peer.calls[0]![0];
  }

  const isText = function (message: unknown) {
    return typeof message === 'string';
  };
  const guards = { isText: (message: unknown) => isText(message), method: isText };

  it.each<[what: string, guard: unknown]>([
    ['an arrow function', (message: unknown) => isText(message)],
    ['a function', isText],
    ['a bound function', isText.bind(undefined)],
    [
      'a method',
      {
        check(message: unknown) {
          return isText(message);
        },
      }.check,
    ],
    ['a property of an object', guards.method],
  ])('%s is a guard', async (_what, guard) => {
    expect(await taken(guard, 'hello')).toBe('hello');
    expect(await taken(guard, 42)).toBeUndefined();
  });

  it('a class is told from a function by its prototype; built-in and old-style ones as well', async () => {
    abstract class Shape {
      static [Symbol.hasInstance](value: unknown) {
        return value === 'a shape';
      }
    }
    /** As classes were written before there were any. */
    function Old() {
      throw new Error('called');
    }
    (Old as unknown as { prototype: object }).prototype = Join.prototype;
    (Join.prototype as { old?: boolean }).old = true;
    try {
      expect(await taken(Shape, 'a shape')).toBe('a shape');
      expect(await taken(Shape, 'none')).toBeUndefined();
      expect(await taken(class Empty {}, 'none')).toBeUndefined();
      expect(await taken(Array, [1])).toEqual([1]);
      expect(await taken(Array, 'none')).toBeUndefined();
      expect(await taken(Object, { a: 1 })).toEqual({ a: 1 });
      expect(await taken(Buffer, 'none')).toBeUndefined();
      expect(await taken(Old, ['Join', 'ann'])).toEqual(new Join('ann'));
      expect(await taken(Old, 'none')).toBeUndefined();
    } finally {
      delete (Join.prototype as { old?: boolean }).old;
    }
  });

  it('a schema may be a function or a class: `~standard` is asked for first', async () => {
    const { '~standard': standard } = numeric;
    const callable = Object.assign(() => 'called', { '~standard': standard });
    class Callable {
      static readonly '~standard' = standard;
    }
    expect(await taken(callable, '12')).toBe(12);
    expect(await taken(callable, 'none')).toBeUndefined();
    expect(await taken(Callable, '12')).toBe(12);
    expect(await taken({ ...codec, '~standard': standard }, '12')).toBe(12);
  });

  it('what a schema has against a message is not kept', async () => {
    const issues: WeakRef<readonly object[]>[] = [];
    const refusing = schemaOf(() => {
      const list = [{ message: 'no' }];
      issues.push(new WeakRef(list));
      return { issues: list };
    });
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;

    @Peer({ codec })
    class Forgetful extends Recorder {
      @OnMessage(refusing)
      read() {}
      @OnMessage()
      rest() {
        this.note('rest');
      }
    }
    await using talk = await talkTo(Forgetful);
    await talk.send('hello');
    await until(() => talk.peer.calls.length === 1);
    await until(() => {
      collectGarbage();
      return issues[0]!.deref() === undefined;
    });
    expect(issues).toHaveLength(1);
  });

  it('`validate` is called on its own object', async () => {
    const validate = function (this: { readonly vendor: string }) {
      return { value: this.vendor };
    };
    const schema = { '~standard': { version: 1, vendor: 'itself', validate } };
    expect(await taken(schema, 'hello')).toBe('itself');
  });

  it('a schema may make `undefined` of a message, or have it issue-free by an absent list', async () => {
    expect(
      await taken(
        schemaOf(() => ({ value: 'made', issues: undefined })),
        1,
      ),
    ).toBe('made');
    const calls: unknown[] = [];
    @Peer({ codec })
    class Undefining {
      @OnMessage(schemaOf(() => ({ value: undefined })))
      read(...args: unknown[]) {
        calls.push(args[0]);
      }
    }
    await using talk = await talkTo(Undefining);
    await talk.send(1);
    await until(() => calls.length === 1);
    expect(calls).toEqual([undefined]);
  });
});

describe('what is refused when a peer starts', () => {
  const invalid = (Class: new () => object) =>
    peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => createPeer(Class, { config: inMemory() }));

  it('a catch-all that is not last', async () => {
    @Peer({ codec })
    class Early {
      @OnMessage(Join)
      join() {}
      @OnMessage(codec)
      all() {}
      @OnMessage(numeric)
      number() {}
    }
    expect((await invalid(Early)).message).toContain(
      'Early.all() takes every message and leaves number() none; declare it last',
    );
  });

  it('two catch-alls, with a codec or without', async () => {
    @Peer({ codec })
    class Two {
      @OnMessage()
      first() {}
      @OnMessage(Join)
      join() {}
      @OnMessage(codec)
      second() {}
    }
    expect((await invalid(Two)).message).toContain(
      'Two has two message methods that take every message, first() and second()',
    );
  });

  it('another codec than that of @Peer, behind other methods as well', async () => {
    @Peer({ codec })
    class Confused {
      @OnMessage(Join)
      join() {}
      @OnMessage(messageCodec())
      all() {}
    }
    expect((await invalid(Confused)).message).toContain('Confused.all() has @OnMessage with another codec');
  });
});
