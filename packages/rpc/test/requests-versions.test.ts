import { describe, expect, it } from '@jest/globals';
import { OnMessage, Peer } from '@pea2pea/decorators';
import { method, RequestError, requests } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { peerErrorOf, until } from '@pea2pea/testing';
import { byHand, Caller, codec, connected, type Sum } from './requests-lab.js';
import { add, ask, whoAmI } from './requests-fixture.js';

describe('a response without a result', () => {
  it('fails its call at once, and is not replied to', async () => {
    await using hand = await byHand(Caller);
    const call = hand.requests.call(hand.back, whoAmI);
    await hand.hears(1);
    await hand.send({ jsonrpc: '2.0', id: 1 });
    await peerErrorOf('P2P_ERR_INVALID_RESPONSE', () => call);
    await hand.send({ jsonrpc: '2.0', id: 1 }, ask(5, 'nothing'));
    expect((await hand.hears(2))[1]).toMatchObject({ id: 5 });
    expect(hand.requests.counters).toMatchObject({ lateResponses: 1, refused: 1 });
  });
});

describe('a response of JSON-RPC 1.0', () => {
  it('fails its call at once, with the option that understands it', async () => {
    await using hand = await byHand(Caller);
    const call = hand.requests.call(hand.back, whoAmI);
    await hand.hears(1);
    await hand.send({ id: 1, result: 'x', error: null });
    const error = await peerErrorOf('P2P_ERR_INVALID_RESPONSE', () => call);
    expect(error.message).toContain("version: '1.0'");
    expect(hand.requests.pending).toBe(0);
  });

  it('that no call waits for is a message like any other', async () => {
    @Peer({ codec, plugins: [requests()] })
    class Both {
      readonly seen: unknown[] = [];
      @OnMessage()
      any(message: unknown) {
        this.seen.push(message);
      }
    }
    await using hand = await byHand(Both);
    await hand.send({ id: 1, result: 'x', error: null });
    await until('it passes by', () => hand.server.peer.seen.length === 1);
  });
});

describe("requests({ version: '1.0' })", () => {
  @Peer({ codec, plugins: [requests({ version: '1.0' })] })
  class Old {
    readonly noted: unknown[] = [];
    @OnRequest(add)
    add({ a, b }: Sum) {
      return a + b;
    }
    @OnRequest(method<number[] | undefined, unknown>('list'))
    list(params: number[] | undefined) {
      if (params === undefined) throw new RequestError(7, 'no params');
      return params;
    }
    @OnRequest(method<{ text: string }, void>('note'))
    note({ text }: { text: string }) {
      this.noted.push(text);
    }
  }

  it('serves requests of that version, and of 2.0 in theirs', async () => {
    await using hand = await byHand(Old);
    await hand.send(
      { method: 'add', params: [{ a: 1, b: 2 }], id: 0 },
      { method: 'list', params: [1, 2], id: 'x' },
      { method: 'list', params: [], id: 2 },
      { method: 'missing', params: [], id: 3 },
      { method: 'note', params: [{ text: 'hi' }], id: null },
      ask(4, 'add', { a: 1, b: 2 }),
    );
    expect(await hand.hears(5)).toEqual([
      { id: 0, result: 3, error: null },
      { id: 'x', result: [1, 2], error: null },
      { id: 2, result: null, error: 'no params' },
      { id: 3, result: null, error: 'method not found' },
      { jsonrpc: '2.0', id: 4, result: 3 },
    ]);
    expect(hand.server.peer.noted).toEqual(['hi']);
  });

  it('calls in that version, and understands its responses', async () => {
    await using hand = await byHand(Old);
    const { requests: calls, back } = hand;
    const one = calls.call(back, add, { a: 1, b: 2 });
    const bad = calls.call(back, method<[number, number]>('pair'), [1, 2]);
    const odd = calls.call(back, whoAmI);
    await calls.notify(back, method<{ text: string }>('note'), { text: 'hi' });
    expect(await hand.hears(4)).toEqual([
      { method: 'add', params: [{ a: 1, b: 2 }], id: 1 },
      { method: 'pair', params: [1, 2], id: 2 },
      { method: 'whoAmI', params: [], id: 3 },
      { method: 'note', params: [{ text: 'hi' }], id: null },
    ]);
    await hand.send(
      { id: 1, result: 3, error: null },
      { id: 2, result: null, error: 'divide by zero' },
      { id: 3, result: null, error: { why: 'so' } },
    );
    expect(await one).toBe(3);
    const failed = await peerErrorOf('P2P_ERR_REQUEST_FAILED', () => bad);
    expect(RequestError.is(failed) && [failed.rpcCode, failed.rpcMessage]).toEqual([0, 'divide by zero']);
    const other = await peerErrorOf('P2P_ERR_REQUEST_FAILED', () => odd);
    expect(RequestError.is(other) && other.data).toEqual({ why: 'so' });
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => calls.batch(back));
  });

  it('works between two nodes of ours', async () => {
    await using pair = await connected(Old, Old);
    expect(await pair.requests.call(pair.connection, add, { a: 1, b: 2 })).toBe(3);
  });
});
