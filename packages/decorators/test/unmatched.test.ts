import { describe, expect, it } from '@jest/globals';
import type { Connection, DisconnectReason, LogFields, Logger } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import {
  createPeer,
  OnDisconnect,
  OnError,
  OnMessage,
  Peer,
  type Refusal,
  type StandardIssue,
  type WhenUnmatched,
} from '@pea2pea/decorators';
import { peerErrorOf, until } from '@pea2pea/testing';
import { inMemory } from './lab.js';
import { command, Join, messageCodec, numeric, Recorder, schemaOf, talkTo } from './message-lab.js';

const codec = messageCodec();
const CODE = 'P2P_ERR_UNMATCHED_MESSAGE';

class Picky extends Recorder {
  @OnMessage(numeric)
  number(message: number) {
    this.note('number', message);
  }
  @OnMessage(Join)
  join(message: Join) {
    this.note('join', message.name);
  }
  @OnMessage(command)
  command(message: { readonly command: string }) {
    this.note('command', message.command);
  }
  @OnDisconnect()
  gone(_connection: Connection, reason: DisconnectReason) {
    this.note('gone', reason);
  }
}

@Peer({ codec })
class Strict extends Picky {}

@Peer({ codec, unmatched: 'ignore' })
class Lenient extends Picky {}

/** The error that a peer with one schema, of these issues, ends a connection with. */
async function errorOf(issues: readonly StandardIssue[], message: unknown = 'hello'): Promise<Error> {
  @Peer({ codec })
  class Refusing extends Recorder {
    @OnMessage(schemaOf(() => ({ issues })))
    read() {}
    @OnError()
    failed(error: unknown) {
      this.note(error);
    }
  }
  await using talk = await talkTo(Refusing);
  await talk.send(message);
  await until(() => talk.peer.calls.length === 1);
  return talk.peer.calls[0]![0] as Error;
}

/** Keeps the lines of level `warn`. */
function warnings() {
  const lines: [LogFields, string][] = [];
  const silent = () => undefined;
  const logger: Logger = {
    debug: silent,
    info: silent,
    warn: (fields, text) => void lines.push([fields, text]),
    error: silent,
    child: () => logger,
  };
  return { lines, logger };
}

describe('a message that no method takes', () => {
  it('ends its connection, with the reason handler-error, and is counted', async () => {
    await using talk = await talkTo(Strict);
    const other = await talk.dial();
    await talk.send('hello', '12');
    await until(() => talk.peer.calls.length === 1);
    expect(talk.peer.calls).toEqual([
      ['gone', { origin: 'reading', cause: 'handler-error', error: expect.objectContaining({ code: CODE }) }],
    ]);
    expect(talk.handle.unmatched).toBe(1);
    expect(other.state).toBe('open');
    await other.send('"hello"');
    await until(() => talk.handle.unmatched === 2);
  });

  it('says what the schemas have against it, and keeps all of it as `cause`', async () => {
    await using talk = await talkTo(Strict);
    await talk.send({ command: 42 });
    await until(() => talk.peer.calls.length === 1);
    const { error } = talk.peer.calls[0]![1] as { readonly error: Error };
    expect(error.name).toBe('PeerError');
    expect(error.message).toBe(
      'no message method of Strict takes this Object: number() says no number; ' +
        'command() says command: expected a text, not number; add a method that takes it, ' +
        "or a catch-all @OnMessage() as the last one, or set `unmatched: 'ignore'` in @Peer",
    );
    expect(error.cause).toEqual([
      { method: 'number', issues: [{ message: 'no number' }] },
      { method: 'command', issues: [{ message: 'expected a text, not number', path: ['command'] }] },
    ] satisfies Refusal[]);
  });

  it.each([
    [null, 'null'],
    ['hello', 'string'],
    [12, 'number'],
    [[1], 'Array'],
    [{ constructor: { name: 'forged' } }, 'Object'],
  ])('%j is called by its kind where there are no schemas', async (message, kind) => {
    @Peer({ codec })
    class ByClass extends Recorder {
      @OnMessage(Join)
      join() {}
      @OnError()
      failed(error: unknown) {
        this.note(error);
      }
    }
    await using talk = await talkTo(ByClass);
    await talk.send(message);
    await until(() => talk.peer.calls.length === 1);
    const error = talk.peer.calls[0]![0] as Error;
    expect(error.message).toContain(`no message method of ByClass takes this ${kind}; add`);
    expect('cause' in error).toBe(false);
  });

  it('keeps its connection where @OnError says so', async () => {
    @Peer({ codec })
    class Forgiving extends Picky {
      @OnError()
      failed(error: unknown) {
        this.note('failed', (error as { readonly code?: unknown }).code);
        return 'keep' as const;
      }
    }
    await using talk = await talkTo(Forgiving);
    await talk.send('hello', '12');
    await until(() => talk.peer.calls.length === 2);
    expect(talk.peer.calls).toEqual([
      ['failed', CODE],
      ['number', 12],
    ]);
    expect(talk.handle.unmatched).toBe(1);
  });

  it('names issues with their paths, the first four of them, all on one line and cut to size', async () => {
    const issues: StandardIssue[] = [
      { message: 'too\r\nlong\u2028a line', path: ['rooms', 0, { key: 'name' }] },
      { message: 'x'.repeat(500) },
      { message: 'first', path: [0, Symbol('secret')] },
      { message: 'fourth', path: [] },
      { message: 'fifth' },
      { message: 'sixth' },
    ];
    const error = await errorOf(issues);
    expect(error.message).toContain(
      `read() says rooms[0].name: too long a line, ${'x'.repeat(120)}…, ` +
        '[0].Symbol(secret): first, fourth, and 2 more; add',
    );
    expect(error.cause).toEqual([{ method: 'read', issues }]);
  });

  it('names an issue of each of the first four methods, and how many more refuse it', async () => {
    const no = (...messages: string[]) =>
      schemaOf(() => ({ issues: messages.map((message) => ({ message })) }));
    @Peer({ codec })
    class Five extends Recorder {
      @OnMessage(no('1', 'one'))
      a() {}
      @OnMessage(no('2'))
      b() {}
      @OnMessage(no('3'))
      c() {}
      @OnMessage(no('4'))
      d() {}
      @OnMessage(no('5'))
      e() {}
      @OnError()
      failed(error: unknown) {
        this.note(error);
      }
    }
    await using talk = await talkTo(Five);
    await talk.send('hello');
    await until(() => talk.peer.calls.length === 1);
    const error = talk.peer.calls[0]![0] as Error;
    expect(error.message).toContain(
      'a() says 1, and 1 more; b() says 2; c() says 3; d() says 4; refused by 1 more; add',
    );
    expect(error.cause).toHaveLength(5);
  });

  it('an empty list of issues refuses as well', async () => {
    expect((await errorOf([])).cause).toEqual([{ method: 'read', issues: [] }]);
  });

  it('says nothing about the message before it', async () => {
    const errors: Error[] = [];
    @Peer({ codec })
    class Twice {
      @OnMessage(numeric)
      number() {}
      @OnMessage((message: unknown) => message === 'throw')
      broken() {
        throw new Error('broken');
      }
      @OnMessage(Join)
      join() {}
      @OnError()
      failed(error: unknown) {
        errors.push(error as Error);
        return 'keep' as const;
      }
    }
    await using talk = await talkTo(Twice);
    await talk.send('throw', 'hello');
    await until(() => errors.length === 2);
    expect(errors[1]!.cause).toEqual([{ method: 'number', issues: [{ message: 'no number' }] }]);
  });
});

describe("unmatched: 'ignore'", () => {
  it('drops the message and counts it; the connection lives', async () => {
    await using talk = await talkTo(Lenient);
    await talk.send('hello', { command: 42 }, '12', 'more', ['Join', 'ann']);
    await until(() => talk.peer.calls.length === 2);
    expect(talk.peer.calls).toEqual([
      ['number', 12],
      ['join', 'ann'],
    ]);
    expect(talk.handle.unmatched).toBe(3);
    expect(talk.connection.state).toBe('open');
  });

  it('logs one line a second, with how many there were since the one before', async () => {
    const clock = new ControlledClock();
    const { lines, logger } = warnings();
    await using talk = await talkTo(Lenient, { clock, logger });
    const [theirs] = talk.handle.node.connections;
    const unmatched = async (count: number) => {
      await talk.send('hello');
      await until(() => talk.handle.unmatched === count);
    };
    const fields = { peer: theirs!.address.toString(), connection: theirs!.id };

    for (const count of [1, 2, 3]) await unmatched(count);
    clock.advance(999);
    await unmatched(4);
    expect(lines).toEqual([
      [
        { ...fields, unmatched: 1 },
        'ignored: no message method of Lenient takes this string: number() says no number; ' +
          'command() says command: expected a text, not undefined',
      ],
    ]);
    clock.advance(1);
    await unmatched(5);
    await unmatched(6);
    expect(lines.map(([{ unmatched: count }]) => count)).toEqual([1, 4]);
  });

  it('a logger that throws does not end the connection', async () => {
    const { logger } = warnings();
    const broken: Logger = {
      ...logger,
      warn: () => {
        throw new Error('the disk is full');
      },
    };
    await using talk = await talkTo(Lenient, { logger: broken });
    await talk.send('hello', '12');
    await until(() => talk.peer.calls.length === 1);
    expect(talk.peer.calls).toEqual([['number', 12]]);
  });

  it('is inherited, and overridden, as the options of @Peer are', async () => {
    class Same extends Lenient {}
    @Peer({ codec, unmatched: 'disconnect' })
    class Other extends Lenient {}
    for (const [Class, calls] of [
      [Same, [['number', 12]]],
      [Other, [['gone', expect.anything()]]],
    ] as const) {
      await using talk = await talkTo(Class);
      await talk.send('hello', '12');
      await until(() => talk.peer.calls.length === 1);
      expect(talk.peer.calls).toEqual(calls);
    }
  });

  it('anything else than the two is refused when the peer starts', async () => {
    @Peer({ codec, unmatched: 'log' as WhenUnmatched })
    class Wrong {}
    const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => createPeer(Wrong));
    expect(error.message).toContain("`unmatched` must be 'disconnect' or 'ignore', not \"log\"");
  });

  it('is an option of @Peer, not of the node', async () => {
    const config = { ...inMemory(), unmatched: 'ignore' };
    const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => createPeer(Strict, { config }));
    expect(error.message).toContain('the options of a node have no `unmatched`');
  });
});

describe('the count of a peer without message methods', () => {
  it('stays 0', async () => {
    @Peer({ codec })
    class Deaf {}
    await using talk = await talkTo(Deaf);
    await talk.send('hello');
    await until(() => talk.handle.node.stats.bytesReceived > 0);
    expect(talk.handle.unmatched).toBe(0);
  });
});
