// Checked by `npm run check:types`, under legacy and under standard decorators: each `@ts-expect-error` is a mistake
// that must not compile. What is in functions is not run.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type {
  AcceptRequest,
  Codec,
  Connection,
  DisconnectReason,
  Handshake,
  HookErrorContext,
} from '@pea2pea/core';
import {
  OnAccept,
  OnConnect,
  OnDisconnect,
  OnError,
  OnHandshake,
  OnMessage,
  type SchemaOutput,
  type StandardSchemaV1,
} from '@pea2pea/decorators';
import { textCodec } from '@pea2pea/testing';

interface Chat {
  readonly from: string;
  readonly text: string;
}
interface Command {
  readonly command: 'stop' | 'go';
}
interface Narrow extends Chat {
  readonly room: string;
}

declare const chat: Codec<Chat>;
declare const client: Codec<Chat, Command>;
const text = textCodec();

/** As zod and valibot make them: what goes in differs from what comes out. */
declare const chatSchema: StandardSchemaV1<string, Chat>;
/** As arktype makes them: to be called, too. */
declare const callableSchema: StandardSchemaV1<Chat> & ((data: unknown) => Chat | Error);
/** Validates later. */
declare const asyncSchema: {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: 'elsewhere';
    readonly validate: (
      value: unknown,
    ) => Promise<{ value: Chat } | { issues: { message: string; path?: PropertyKey[] | undefined }[] }>;
    readonly types?: { readonly input: unknown; readonly output: Chat };
  };
};
/** One that keeps its types to itself. */
declare const untypedSchema: StandardSchemaV1;

class Join {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}
class Moderate extends Join {
  readonly bans: readonly string[] = [];
}
abstract class Shape {
  abstract readonly area: number;
}
declare function isChat(message: unknown): message is Chat;
declare function isGo(message: Command): message is Command & { readonly command: 'go' };
declare function isLoud(message: Chat): boolean;

export function whatCompiles() {
  class Full {
    @OnAccept()
    accept(request: AcceptRequest) {
      return request.address.isLoopback;
    }
    @OnAccept()
    async acceptLater(_request: AcceptRequest) {
      return true;
    }
    @OnHandshake()
    async shake(handshake: Handshake) {
      await handshake.write('hello');
    }
    @OnConnect()
    greet(connection: Connection<Chat>) {
      connection.trySend({ from: 'bob', text: 'hi' });
    }
    @OnConnect()
    greetAnybody(_connection: Connection) {}
    @OnMessage(chat)
    async onChat(message: Chat, connection: Connection<Chat>) {
      await connection.send(message);
    }
    @OnDisconnect()
    gone(_connection: Connection<Chat>, _reason: DisconnectReason) {}
    @OnError()
    failed(_error: unknown, _context: HookErrorContext<Chat>) {
      return 'keep' as const;
    }
  }

  class Client {
    @OnMessage(client)
    onChat(message: Chat, connection: Connection<Chat, Command>) {
      connection.trySend({ command: message.text === 'stop' ? 'stop' : 'go' });
    }
  }

  class Loose {
    @OnMessage(chat)
    fewer() {}
    @OnMessage(chat)
    wider(_message: { readonly from: string }) {}
    @OnMessage(chat)
    unknown(_message: unknown, _connection: Connection, ..._more: unknown[]) {}
    @OnMessage()
    untyped(_message: Narrow, _connection: Connection<Narrow, Command>) {}
    @OnConnect()
    fewest() {}
    @OnError()
    silent() {}
  }

  class Routed {
    @OnMessage(chatSchema)
    output(message: Chat, connection: Connection<Chat | Command>) {
      connection.trySend(message);
    }
    @OnMessage(callableSchema)
    async callable(_message: Chat, _connection: Connection<Chat, Command>) {}
    @OnMessage(asyncSchema)
    later(_message: { readonly from: string }) {}
    @OnMessage(untypedSchema)
    untypedOutput(_message: unknown) {}
    @OnMessage(Join)
    join(_message: Join) {}
    @OnMessage(Moderate)
    wider(_message: Join, _connection: Connection) {}
    @OnMessage(Shape)
    abstracted(_message: Shape) {}
    @OnMessage(Buffer)
    bytes(_message: Uint8Array) {}
    @OnMessage(isChat)
    guarded(_message: Chat) {}
    @OnMessage(isGo)
    narrowed({ command }: { readonly command: 'go' }) {
      return command;
    }
    @OnMessage(isLoud)
    trusted(_message: Chat) {}
    @OnMessage((message: Chat) => message.text === '')
    inline(_message: Chat) {}
    @OnMessage((message: unknown): message is string => typeof message === 'string')
    inlineGuard(_message: string) {}
    @OnMessage((message: unknown) => typeof message === 'number')
    inferredGuard(_message: number) {}
    @OnMessage()
    rest(_message: unknown) {}
  }

  const output: SchemaOutput<typeof asyncSchema> = { from: 'bob', text: 'hi' };
  return [Full, Client, Loose, Routed, output];
}

export function whatDoesNotCompile() {
  class Handlers {
    // @ts-expect-error another message type
    @OnMessage(chat)
    wrong(_message: Command) {}
    // @ts-expect-error a narrower message type
    @OnMessage(chat)
    narrower(_message: Narrow) {}
    // @ts-expect-error a connection that carries other messages
    @OnMessage(chat)
    connection(_message: Chat, _connection: Connection<Command>) {}
    // @ts-expect-error the connection comes second
    @OnMessage(chat)
    swapped(_connection: Connection<Chat>, _message: Chat) {}
    // @ts-expect-error nobody gives the third parameter
    @OnMessage(chat)
    more(_message: Chat, _connection: Connection<Chat>, _more: string) {}
    // @ts-expect-error nobody gives the third parameter here either
    @OnMessage()
    evenMore(_message: Chat, _connection: Connection<Chat>, _more: string) {}
    // @ts-expect-error the message comes as the codec makes it: a text
    @OnMessage(text)
    line(_message: Buffer) {}
    // @ts-expect-error no codec
    @OnMessage({ decode: () => 1 })
    codecless() {}
    // @ts-expect-error a handshake has no connection yet
    @OnHandshake()
    shake(_connection: Connection<Chat>) {}
    // @ts-expect-error an address is not all there is to a request
    @OnAccept()
    accept(_request: string) {}
    // @ts-expect-error accepting is true or false
    @OnAccept()
    acceptMaybe() {
      return 'yes';
    }
    // @ts-expect-error the reason comes second
    @OnDisconnect()
    gone(_reason: DisconnectReason) {}
    // @ts-expect-error anything may be thrown
    @OnError()
    failed(_error: RangeError) {}
    // @ts-expect-error the answer decides at once
    @OnError()
    async failedLater() {}
    // @ts-expect-error a field
    @OnConnect()
    field = () => undefined;
    // @ts-expect-error a getter
    @OnConnect()
    get getter() {
      return 1;
    }
    // @ts-expect-error parentheses are missing
    @OnConnect
    bare() {}
  }

  class Routed {
    // @ts-expect-error the input of the schema, not its output
    @OnMessage(chatSchema)
    input(_message: string) {}
    // @ts-expect-error narrower than the output of the schema
    @OnMessage(chatSchema)
    narrowerOutput(_message: Narrow) {}
    // @ts-expect-error a schema that is a function is no guard: its output is what counts
    @OnMessage(callableSchema)
    callable(_message: Command) {}
    // @ts-expect-error the promise of an asynchronous schema is awaited
    @OnMessage(asyncSchema)
    promised(_message: Promise<Chat>) {}
    // @ts-expect-error a schema that does not tell its output promises nothing
    @OnMessage(untypedSchema)
    untold(_message: Chat) {}
    // @ts-expect-error not a Standard Schema of version 1
    @OnMessage({ '~standard': { version: 2, vendor: 'later', validate: () => ({ value: 1 }) } })
    versioned(_message: unknown) {}
    // @ts-expect-error an instance comes, not the class
    @OnMessage(Join)
    constructed(_message: typeof Join) {}
    // @ts-expect-error narrower than the class
    @OnMessage(Join)
    narrowerClass(_message: Moderate) {}
    // @ts-expect-error a text is no instance of String
    @OnMessage(String)
    wrapped(_message: string) {}
    // @ts-expect-error something else than the guard lets through
    @OnMessage(isChat)
    guarded(_message: Command) {}
    // @ts-expect-error the guard lets through but one of the commands
    @OnMessage(isGo)
    narrowed(_message: { readonly command: 'stop' }) {}
    // @ts-expect-error something else than the parameter of the predicate
    @OnMessage(isLoud)
    trusted(_message: Command) {}
    // @ts-expect-error a guard answers at once
    @OnMessage(async (message: Chat) => message.text === '')
    later(_message: Chat) {}
    // @ts-expect-error a guard answers true or false
    @OnMessage((message: Chat) => message.text)
    texty(_message: Chat) {}
    // @ts-expect-error the parameter of a guard has no type: unknown is one
    @OnMessage((message) => message === 1)
    untypedGuard(_message: unknown) {}
    // @ts-expect-error no guard lets this through: it is known to be a number
    @OnMessage((message: unknown) => typeof message === 'number')
    inferred(_message: string) {}
    // @ts-expect-error the connection comes second, after the instance
    @OnMessage(Join)
    swapped(_connection: Connection<Chat>, _message: Join) {}
    // @ts-expect-error nobody gives the third parameter
    @OnMessage(chatSchema)
    more(_message: Chat, _connection: Connection<Chat>, _more: string) {}
    // @ts-expect-error one thing to tell messages by
    @OnMessage(Join, isChat)
    two(_message: Join) {}
    // @ts-expect-error nothing to tell messages by
    @OnMessage(undefined)
    none(_message: Chat) {}
    // @ts-expect-error a field
    @OnMessage(Join)
    field = (_message: Join) => undefined;
  }

  // @ts-expect-error a method decorator
  @OnMessage(chat)
  class OnClass {}

  return [Handlers, Routed, OnClass];
}

describe('types of hook decorators', () => {
  it('what compiles is a decorator at run time', () => {
    expect(typeof OnMessage(text)).toBe('function');
  });

  it('refuse 25 mistakes or more, each of them named', () => {
    const folder = new URL('.', import.meta.url);
    const mistakes = readdirSync(folder)
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => readFileSync(new URL(name, folder), 'utf8').split('\n'))
      .flatMap((line) => /^\s*\/\/ @ts-expect-error(.*)$/.exec(line)?.slice(1) ?? []);
    expect(mistakes.length).toBeGreaterThanOrEqual(25);
    expect(mistakes.filter((what) => !/^ \S/.test(what))).toEqual([]);
  });
});
