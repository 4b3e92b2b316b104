// Checked by `tsc -p tsconfig.test.json` for legacy decorators, and by standard-decorators.test.ts for standard
// ones: each `@ts-expect-error` is a mistake that must not compile. What is in functions is not run.
import { describe, expect, it } from '@jest/globals';
import type {
  AcceptRequest,
  Codec,
  Connection,
  DisconnectReason,
  Handshake,
  HookErrorContext,
} from '@pea2pea/core';
import { OnAccept, OnConnect, OnDisconnect, OnError, OnHandshake, OnMessage } from '@pea2pea/decorators';
import { textCodec } from './text-codec.js';

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

  return [Full, Client, Loose];
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

  // @ts-expect-error a method decorator
  @OnMessage(chat)
  class OnClass {}

  return [Handlers, OnClass];
}

describe('types of hook decorators', () => {
  it('what compiles is a decorator at run time', () => {
    expect(typeof OnMessage(text)).toBe('function');
  });
});
