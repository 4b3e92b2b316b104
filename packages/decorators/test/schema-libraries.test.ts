// @OnMessage(schema) with the libraries that people use. What they have in common is in message-routes.test.ts.
import { describe, expect, it } from '@jest/globals';
import {
  createPeer,
  OnError,
  OnMessage,
  Peer,
  type Refusal,
  type StandardSchemaV1,
} from '@pea2pea/decorators';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import { until } from '@pea2pea/testing';
import { messageCodec, Recorder, talkTo } from './message-lab.js';

const codec = messageCodec();

interface Reminder {
  readonly at: Date;
  readonly room: string;
}
interface Command {
  readonly command: 'stop' | 'go';
}
interface Nick {
  readonly nick: string;
}

/** The same schemas in each library; their own types are inferred, and must fit. */
interface Library {
  /** Makes a date of a text, and fills in a default. */
  readonly reminder: StandardSchemaV1<unknown, Reminder>;
  readonly command: StandardSchemaV1<unknown, Command>;
  /** Looks up later whether the name is `taken`; it is 'root'. */
  readonly nick?: StandardSchemaV1<unknown, Nick>;
}

const zod = {
  reminder: z.object({
    at: z.iso.datetime().transform((text) => new Date(text)),
    room: z.string().default('lobby'),
  }),
  command: z.object({ command: z.enum(['stop', 'go']) }),
  nick: z.object({ nick: z.string().refine(async (nick) => nick !== 'root', 'taken') }),
} satisfies Library;

const valibot = {
  reminder: v.object({
    at: v.pipe(
      v.string(),
      v.isoTimestamp(),
      v.transform((text) => new Date(text)),
    ),
    room: v.optional(v.string(), 'lobby'),
  }),
  command: v.object({ command: v.picklist(['stop', 'go']) }),
  nick: v.objectAsync({
    nick: v.pipeAsync(
      v.string(),
      v.checkAsync(async (nick) => nick !== 'root', 'taken'),
    ),
  }),
} satisfies Library;

/** Its schemas are functions, and never asynchronous. */
const arktype = {
  reminder: type({ at: 'string.date.iso.parse', room: "string = 'lobby'" }),
  command: type({ command: "'stop' | 'go'" }),
} satisfies Library;

const AT = '2031-05-01T10:00:00.000Z';

/** A peer with the schemas of a library, and a connection to it. */
function organizer({ reminder, command }: Library, unmatched: 'disconnect' | 'ignore') {
  @Peer({ codec, unmatched })
  class Organizer extends Recorder {
    @OnMessage(command)
    onCommand(message: Command) {
      this.note('command', message);
    }
    @OnMessage(reminder)
    onReminder(message: Reminder) {
      this.note('reminder', message);
    }
    @OnError()
    onError(error: unknown) {
      this.note('error', error);
    }
  }
  return talkTo(Organizer);
}

/** Where the issues are, in both ways that a path may be written. A path may be an array of a class of its own. */
function pathsOf({ issues }: Refusal): PropertyKey[][] {
  return issues.map(({ path = [] }) =>
    Array.from(path, (segment) => (typeof segment === 'object' ? segment.key : segment)),
  );
}

describe.each<[name: string, library: Library]>([
  ['zod', zod],
  ['valibot', valibot],
  ['arktype', arktype],
])('@OnMessage with schemas of %s', (_name, library) => {
  it('hands out what the schema makes of a message', async () => {
    await using talk = await organizer(library, 'disconnect');
    await talk.send({ at: AT });
    await until(() => talk.peer.calls.length === 1);
    expect(talk.peer.calls).toEqual([['reminder', { at: new Date(AT), room: 'lobby' }]]);
  });

  it('tries several in the order of declaration', async () => {
    await using talk = await organizer(library, 'disconnect');
    await talk.send({ at: AT, room: 'attic' }, { command: 'go' }, { command: 'stop', at: AT });
    await until(() => talk.peer.calls.length === 3);
    expect(talk.peer.calls).toMatchObject([
      ['reminder', { room: 'attic' }],
      ['command', { command: 'go' }],
      ['command', { command: 'stop' }],
    ]);
  });

  it('ends the connection over what none of them takes, with the issues of each', async () => {
    await using talk = await organizer(library, 'disconnect');
    await talk.send({ command: 'jump', at: 'noon' });
    await until(() => talk.peer.calls.length === 1);
    const [what, error] = talk.peer.calls[0] as [string, Error];
    expect([what, error]).toMatchObject(['error', { code: 'P2P_ERR_UNMATCHED_MESSAGE' }]);
    expect(error.message).toMatch(/ onCommand\(\) says command: \S.*; onReminder\(\) says at: \S/);
    const refusals = error.cause as Refusal[];
    expect(refusals.map(({ method }) => method)).toEqual(['onCommand', 'onReminder']);
    expect(refusals.map(pathsOf)).toEqual([[['command']], [['at']]]);
  });

  it('counts what none of them takes, where that is to be ignored', async () => {
    await using talk = await organizer(library, 'ignore');
    await talk.send({ command: 'jump' }, 'hello', null, { at: 'noon' }, { command: 'go' });
    await until(() => talk.peer.calls.length === 1);
    expect(talk.peer.calls).toEqual([['command', { command: 'go' }]]);
    expect(talk.handle.unmatched).toBe(4);
  });
});

describe.each<[name: string, library: Required<Library>]>([
  ['zod', zod],
  ['valibot', valibot],
])('@OnMessage with an asynchronous schema of %s', (_name, library) => {
  @Peer({ codec })
  class Registry extends Recorder {
    @OnMessage(library.nick)
    onNick({ nick }: Nick) {
      this.note('nick', nick);
    }
    @OnMessage(library.command)
    onCommand({ command }: Command) {
      this.note('command', command);
    }
    @OnError()
    onError(error: unknown) {
      this.note('error', (error as Error).message);
    }
  }

  it('is waited for: messages keep their order', async () => {
    await using talk = await talkTo(Registry);
    await talk.send({ nick: 'ann' }, { command: 'go' }, { nick: 'bob' });
    await until(() => talk.peer.calls.length === 3);
    expect(talk.peer.calls).toEqual([
      ['nick', 'ann'],
      ['command', 'go'],
      ['nick', 'bob'],
    ]);
  });

  it('refuses later, too', async () => {
    await using talk = await talkTo(Registry);
    await talk.send({ nick: 'root' });
    await until(() => talk.peer.calls.length === 1);
    expect(talk.peer.calls).toEqual([['error', expect.stringContaining('onNick() says nick: taken')]]);
  });
});

// Checked by `npm run check:types`, as types.test.ts is. What is in functions is not run.
export function whatCompiles() {
  class Outputs {
    @OnMessage(zod.reminder)
    zod(_message: { at: Date; room: string }) {}
    @OnMessage(zod.nick)
    zodLater(_message: { nick: string }) {}
    @OnMessage(valibot.reminder)
    valibot(_message: { at: Date; room: string }) {}
    @OnMessage(valibot.nick)
    valibotLater(_message: { nick: string }) {}
    @OnMessage(arktype.reminder)
    arktype(_message: { at: Date; room: string }) {}
  }
  return createPeer(Outputs);
}

export function whatDoesNotCompile() {
  class Inputs {
    // @ts-expect-error zod makes a date of the text
    @OnMessage(zod.reminder)
    zod(_message: { at: string }) {}
    // @ts-expect-error zod lets through but two commands
    @OnMessage(zod.command)
    zodEnum(_message: { command: 'stop' }) {}
    // @ts-expect-error the promise of zod is awaited
    @OnMessage(zod.nick)
    zodLater(_message: Promise<{ nick: string }>) {}
    // @ts-expect-error valibot makes a date of the text
    @OnMessage(valibot.reminder)
    valibot(_message: { at: string }) {}
    // @ts-expect-error valibot lets through but two commands
    @OnMessage(valibot.command)
    valibotEnum(_message: { command: 'stop' }) {}
    // @ts-expect-error the promise of valibot is awaited
    @OnMessage(valibot.nick)
    valibotLater(_message: Promise<{ nick: string }>) {}
    // @ts-expect-error arktype makes a date of the text
    @OnMessage(arktype.reminder)
    arktype(_message: { at: string }) {}
    // @ts-expect-error arktype lets through but two commands
    @OnMessage(arktype.command)
    arktypeEnum(_message: { command: 'stop' }) {}
  }
  return Inputs;
}
