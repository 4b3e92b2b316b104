import { describe, expect, it } from '@jest/globals';
import { HANDLED, type Connection } from '@pea2pea/core';
import {
  createPeer,
  OnConnect,
  OnMessage,
  Peer,
  Plugin,
  Session,
  SessionConnection,
} from '@pea2pea/decorators';
import { method, RequestError, Requests, requests } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { peerErrorOf, until } from '@pea2pea/testing';
import { byHand, codec, connected, type Sum } from './requests-lab.js';
import { add, Server, whoAmI } from './requests-fixture.js';

describe('Requests', () => {
  it('is injected into the peer, its sessions and its plugins', async () => {
    const seen: unknown[] = [];
    @Plugin({ inject: [Requests] })
    class Other {
      constructor(calls: Requests) {
        seen.push(calls);
      }
    }
    @Session({ inject: [Requests, SessionConnection] })
    class Asking {
      readonly calls: Requests;
      readonly connection: Connection;
      constructor(calls: Requests, connection: Connection) {
        this.calls = calls;
        this.connection = connection;
      }
      @OnConnect()
      async ask() {
        seen.push(await this.calls.call(this.connection, add, { a: 1, b: 2 }));
      }
    }
    @Peer({ codec, plugins: [requests(), Other], sessions: [Asking], inject: [Requests] })
    class Client {
      readonly calls: Requests;
      constructor(calls: Requests) {
        this.calls = calls;
      }
    }
    await using pair = await connected(Server, Client);
    await until('the session has its answer', () => seen.length === 2);
    expect(seen).toEqual([pair.client.peer.calls, 3]);
  });

  it('lets messages by that are no JSON-RPC', async () => {
    @Peer({ codec, plugins: [requests()] })
    class Both {
      readonly seen: unknown[] = [];
      @OnMessage()
      any(message: unknown) {
        this.seen.push(message);
      }
      @OnRequest(add)
      add({ a, b }: Sum) {
        return a + b;
      }
    }
    await using hand = await byHand(Both);
    const others = ['text', 7, null, [1], {}, { jsonrpc: '1.0', id: 1, method: 'add' }, { method: 'add' }];
    await hand.send(...others, { jsonrpc: '2.0', id: 1, method: 'add', params: { a: 1, b: 2 } });
    expect(await hand.hears(1)).toEqual([{ jsonrpc: '2.0', id: 1, result: 3 }]);
    expect(hand.server.peer.seen).toEqual(others);
  });

  it('has what an earlier plugin lets through', async () => {
    @Plugin()
    class NoAdding {
      @OnMessage((message: { method?: unknown }) => message.method === 'add')
      drop() {
        return HANDLED;
      }
    }
    @Peer({ codec, plugins: [NoAdding, requests()] })
    class Guarded {
      @OnRequest(add)
      add({ a, b }: Sum) {
        return a + b;
      }
      @OnRequest(whoAmI)
      who() {
        return 'you';
      }
    }
    await using hand = await byHand(Guarded);
    await hand.send(
      { jsonrpc: '2.0', id: 1, method: 'add', params: { a: 1, b: 2 } },
      { jsonrpc: '2.0', id: 2, method: 'whoAmI' },
    );
    expect(await hand.hears(1)).toEqual([{ jsonrpc: '2.0', id: 2, result: 'you' }]);
  });

  it.each([
    [{ timeoutMs: 0 }, '`timeoutMs` must be a whole number from 1 to 2147483647, not 0'],
    [{ timeoutMs: 2 ** 31 }, '`timeoutMs`'],
    [{ maxPending: 0 }, '`maxPending` must be a whole number of at least 1, not 0'],
    [{ maxPending: '9' }, '`maxPending` must be a whole number of at least 1, not "9"'],
    [{ maxConcurrent: 1.5 }, '`maxConcurrent`'],
    [{ maxConcurent: 1 }, 'the options of requests() have no `maxConcurent`'],
    [null, 'the options of requests() must be an object'],
  ])('refuses the options %j at boot', async (options, what) => {
    @Peer({ codec, plugins: [requests(options as never)] })
    class Wrong {}
    const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => createPeer(Wrong));
    expect(error.message).toContain(what);
  });

  it('refuses two methods for one name at boot, naming both', async () => {
    @Session()
    class Also {
      @OnRequest(method('add'))
      sum() {}
    }
    @Peer({ codec, plugins: [requests()], sessions: [Also] })
    class Twice extends Server {}
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => createPeer(Twice));
    expect(error.message).toContain("Also.sum() and Twice.add() both serve 'add'");
  });

  it('is asked for by a peer that serves without it', async () => {
    @Peer({ codec })
    class Forgetful {
      @OnRequest(whoAmI)
      who() {
        return '';
      }
    }
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => createPeer(Forgetful));
    expect(error.message).toContain('Forgetful.who() has @OnRequest');
  });

  it.each([
    ['a name that is none', () => method('')],
    ['a name that is no text', () => method(7 as never)],
    ['a schema that is none', () => method('x', { params: {} as never })],
    ['a code that is none', () => new RequestError(0.5, 'x')],
    ['an error without a message', () => new RequestError(404, undefined as never)],
    ['an error with a symbol as message', () => new RequestError(404, Symbol('x') as never)],
  ])('%s is refused', async (_what, make) => {
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', make);
  });
});
