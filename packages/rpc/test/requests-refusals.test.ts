import { describe, expect, it } from '@jest/globals';
import type { AnyConnection, StandardIssue } from '@pea2pea/core';
import { Peer } from '@pea2pea/decorators';
import { method, RequestError, Requests, requests, RPC_CODES } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { hostileValues, type LogLine, peerErrorOf, recordingLogger, until } from '@pea2pea/testing';
import { byHand, codec, connected, inMemory, schemaOf, type Sum } from './requests-lab.js';
import { add, ask, failure, slow, Slow } from './requests-fixture.js';

describe('a request is refused', () => {
  it('with -32601 when nobody serves it, whatever objects inherit', async () => {
    await using hand = await byHand(Slow);
    const names = [
      'nothing',
      '',
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      'x'.repeat(100_000),
    ];
    for (const [index, name] of names.entries()) {
      await hand.send(ask(index, name));
      await hand.hears(index + 1);
    }
    expect(hand.heard).toEqual(names.map((_, index) => failure(index, -32601, 'method not found')));
    expect(hand.requests.counters).toMatchObject({ served: 0, refused: names.length });
  });

  it('with -32602 and the issues when its params are not what the schema takes', async () => {
    const rich = schemaOf<Sum>(async () => ({
      issues: [
        { message: 'a', path: ['list', 0, Symbol('s'), { key: 'x' }], input: 'secret' },
        ...Array.from({ length: 100 }, () => ({ message: 'b' })),
      ],
    }));
    @Peer({ codec, plugins: [requests()] })
    class Checking {
      called = 0;
      @OnRequest(add)
      add() {
        this.called++;
      }
      @OnRequest(method('later', { params: rich }))
      later() {
        this.called++;
      }
    }
    await using hand = await byHand(Checking);
    await hand.send(ask(1, 'add', { a: 1, b: '2' }), ask(2, 'add'));
    await hand.hears(2);
    await hand.send(ask(3, 'later', {}));
    const answers = await hand.hears(3);
    const issue = (key: string) => ({ message: 'expected a number', path: [key] });
    expect(answers.slice(0, 2).map(({ error }) => error)).toEqual([
      { code: -32602, message: 'invalid params', data: [issue('b')] },
      { code: -32602, message: 'invalid params', data: [issue('a'), issue('b')] },
    ]);
    const { data } = answers[2]!.error as { data: unknown[] };
    expect(data).toHaveLength(20);
    expect(data[0]).toEqual({ message: 'a', path: ['list', 0, 'Symbol(s)', 'x'] });
    expect(hand.server.peer.called).toBe(0);
  });

  it.each(hostileValues())('with -32602 when %s is an issue, or a key in its path', async (_, make) => {
    const { value } = make();
    const params = schemaOf<object>(() => ({
      issues: [{ message: 'a', path: [value, { key: value }] }, value] as StandardIssue[],
    }));
    @Peer({ codec, plugins: [requests()] })
    class Checking {
      @OnRequest(method('check', { params }))
      check() {}
    }
    await using hand = await byHand(Checking);
    await hand.send(ask(1, 'check', {}));
    const [answer] = await hand.hears(1);
    expect(answer).toMatchObject({ id: 1, error: { code: -32602, message: 'invalid params' } });
    expect(JSON.stringify(answer).length).toBeLessThan(2_000);
  });

  it('as the method says with a RequestError', async () => {
    const errors = [
      new RequestError(7, 'no', { why: 'so' }),
      new RequestError(RPC_CODES.invalidParams, 'too many'),
    ];
    @Peer({ codec, plugins: [requests()] })
    class Refusing {
      @OnRequest(slow)
      slow({ n }: { n: number }): number {
        throw errors[n]!;
      }
    }
    await using hand = await byHand(Refusing);
    await hand.send(ask('a', 'slow', { n: 0 }), ask('b', 'slow', { n: 1 }));
    expect(await hand.hears(2)).toEqual([
      { jsonrpc: '2.0', id: 'a', error: { code: 7, message: 'no', data: { why: 'so' } } },
      failure('b', -32602, 'too many'),
    ]);
  });

  it('with -32603 and nothing else when the method throws; the log has it, the connection lives', async () => {
    const log: LogLine[] = [];
    @Peer({ codec, plugins: [requests()], inject: [Requests] })
    class Broken {
      readonly calls: Requests;
      constructor(calls: Requests) {
        this.calls = calls;
      }
      @OnRequest(method<void, never>('throws'))
      throws(): never {
        throw new Error('the password is 1234');
      }
      @OnRequest(method<void, unknown>('rejects'))
      rejects() {
        return Promise.reject(undefined);
      }
      @OnRequest(method<void, unknown>('unspeakable'))
      unspeakable() {
        return 1n;
      }
      @OnRequest(method<void, never>('unspeakable-error'))
      unspeakableError(): never {
        throw new RequestError(7, 'no', 1n);
      }
      @OnRequest(method('no-schema', { params: schemaOf<object>(() => ({}) as never) }))
      noSchema() {}
    }
    await using hand = await byHand(Broken, inMemory({ logger: recordingLogger(log) }));
    const names = ['throws', 'rejects', 'unspeakable', 'unspeakable-error', 'no-schema'];
    for (const [index, name] of names.entries()) {
      await hand.send(ask(index, name));
      await hand.hears(index + 1);
    }
    await hand.send(ask('again', 'throws'));
    await hand.hears(6);
    expect(hand.heard).toEqual([...names.keys(), 'again'].map((id) => failure(id, -32603, 'internal error')));
    const lines = log.filter(({ level }) => level === 'error');
    expect(lines.map(({ fields }) => fields['method'])).toEqual([
      'Broken.throws',
      'Broken.rejects',
      'Broken.unspeakable',
      'Broken.unspeakableError',
      'Broken.noSchema',
    ]);
    expect(lines[0]!.fields).toMatchObject({
      peer: hand.back.address.toString(),
      err: new Error('the password is 1234'),
      times: 1,
    });
    expect(hand.back.state).toBe('open');
  });

  it('with -32603 when the method lets the refusal of another peer pass', async () => {
    const whoever = method<void, string>('whoever');
    @Peer({ codec, plugins: [requests()] })
    class Backend {
      @OnRequest(whoever)
      whoever(): string {
        throw new RequestError(7, 'internal of the backend');
      }
    }
    @Peer({ codec, plugins: [requests()], inject: [Requests] })
    class Gateway {
      readonly calls: Requests;
      constructor(calls: Requests) {
        this.calls = calls;
      }
      @OnRequest(whoever)
      whoever(_params: void, connection: AnyConnection) {
        return this.calls.call(connection, whoever);
      }
    }
    await using pair = await connected(Gateway, Backend);
    const error = await peerErrorOf('P2P_ERR_REQUEST_FAILED', () =>
      pair.requests.call(pair.connection, whoever),
    );
    expect(error).toMatchObject({ rpcCode: -32603, rpcMessage: 'internal error' });
  });

  it("with -32000 beyond `maxConcurrent` where `whenBusy` is 'refuse'; notifications count, and are dropped with a line", async () => {
    @Peer({ codec, plugins: [requests({ maxConcurrent: 2, whenBusy: 'refuse' })] })
    class Strict extends Slow {}
    const log: LogLine[] = [];
    await using hand = await byHand(Strict, inMemory({ logger: recordingLogger(log) }));
    const { peer } = hand.server;
    await hand.send(ask(undefined, 'slow', { n: 0 }), ask(1, 'slow', { n: 1 }), ask(2, 'slow', { n: 2 }));
    expect(await hand.hears(1)).toEqual([failure(2, -32000, 'too many requests at once')]);
    await hand.send(ask(undefined, 'slow', { n: 3 }));
    await until('the notification is dropped', () => hand.requests.counters.refused === 2);
    expect(hand.requests.counters).toMatchObject({ served: 2, refused: 2 });
    expect(log.filter(({ text }) => text.includes('too many at once'))).toHaveLength(1);
    peer.gates.get(0)!();
    await until('a slot is free', () => hand.requests.running === 1);
    await hand.send(ask(2, 'slow', { n: 2 }));
    await until('it is served', () => peer.begun.length === 3);
    for (const open of peer.gates.values()) open();
    expect((await hand.hears(3)).slice(1).map(({ result }) => result)).toEqual([1, 2]);
  });

  it('with -32600 when its id is in use, and served with it later', async () => {
    await using hand = await byHand(Slow);
    const { peer } = hand.server;
    await hand.send(ask('x', 'slow', { n: 1 }), ask('x', 'slow', { n: 2 }));
    expect(await hand.hears(1)).toEqual([failure('x', -32600, 'a request with this id is being served')]);
    peer.gates.get(1)!();
    expect((await hand.hears(2))[1]).toEqual({ jsonrpc: '2.0', id: 'x', result: 1 });
    await hand.send(ask('x', 'slow', { n: 3 }));
    await until('it is served', () => peer.begun.length === 2);
    expect(peer.begun).toEqual([1, 3]);
    peer.gates.get(3)!();
    await hand.hears(3);
  });
});
