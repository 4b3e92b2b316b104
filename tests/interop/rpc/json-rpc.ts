import { expect } from '@jest/globals';
import { PeerError } from '@pea2pea/core';
import { method, RequestError } from '@pea2pea/rpc';
import { until } from '@pea2pea/testing';
import { suite } from '../harness/suite.js';
import { geth, jayson4, jayson5, jrpc2, jsonRpc2, jsonrpcserver, netRpc, vscode } from './ends.js';
import { dialEnd, dialledByEnd } from './rpc-end.js';

const MANY = Array.from({ length: 200 }, (_, index) => index);

const servesOnly = { [jsonrpcserver.name]: 'it serves only' };
const noNotifications = { [netRpc.name]: 'JSON-RPC 1.0 has notifications, but net/rpc does not know them' };
const noBatches = {
  [netRpc.name]: 'JSON-RPC 1.0 has no batches',
  [vscode.name]: 'it has no batches',
};
const onlyVscode = (why: string) =>
  Object.fromEntries(
    [jayson4, jayson5, jsonRpc2, netRpc, geth, jsonrpcserver].map(({ name }) => [name, why]),
  );

async function failureOf(call: Promise<unknown>): Promise<RequestError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (RequestError.is(error)) return error;
  throw new Error('it did not fail as a request does', { cause: error });
}

export const jsonRpc = suite(
  'json-rpc',
  [vscode, jayson4, jayson5, jsonRpc2, jrpc2, netRpc, geth, jsonrpcserver],
  (test) => {
    test('200 calls of ours at once get a result each, and it is the right one', async (bench) => {
      const { ask, end } = await dialEnd(bench);
      const results = await Promise.all(MANY.map((n) => ask('add', end.speech.add(n, 1))));
      expect(results).toEqual(MANY.map((n) => n + 1));
    });

    test(
      '200 of its calls at once get a result each, and it is the right one',
      async (bench) => {
        const { end, ours } = await dialledByEnd(bench);
        const outcomes = await end.calls(
          'add',
          MANY.map((n) => end.speech.add(n, 1)),
        );
        expect(outcomes).toMatchObject(MANY.map((n) => ({ result: n + 1 })));
        expect(ours.requests.counters).toMatchObject({ served: 200, refused: 0, unsentResponses: 0 });
      },
      { notWith: servesOnly },
    );

    test('an error of its method is a RequestError here', async (bench) => {
      const { ask } = await dialEnd(bench);
      const error = await failureOf(ask('fail', bench.end === netRpc ? {} : undefined));
      expect(error.rpcMessage).toBe('as it was told');
      expect(error.rpcCode).toBe(bench.end === netRpc ? 0 : 7);
    });

    test(
      'an error of our method is an error there, with its message and code',
      async (bench) => {
        const { end } = await dialledByEnd(bench);
        const outcome = await end.call('fail', bench.end === netRpc ? {} : []);
        expect(outcome).toMatchObject({ error: { message: 'as it was told' } });
        if (bench.end !== netRpc) expect(outcome).toMatchObject({ error: { code: 7 } });
      },
      { notWith: servesOnly },
    );

    test('a method that it does not have is an error here', async (bench) => {
      const { ask } = await dialEnd(bench);
      const { rpcCode } = await failureOf(ask('missing', bench.end === netRpc ? {} : []));
      expect(rpcCode).toBe(bench.end === netRpc ? 0 : -32601);
    });

    test(
      'a method that we do not have is an error there',
      async (bench) => {
        const { end } = await dialledByEnd(bench);
        const outcome = await end.call('missing', bench.end === netRpc ? {} : []);
        expect(outcome).toMatchObject({ error: { message: 'method not found' } });
      },
      { notWith: servesOnly },
    );

    test('a method of its own without a result is null here', async (bench) => {
      const { ask } = await dialEnd(bench);
      expect(await ask('nothing', bench.end === netRpc ? {} : undefined)).toBeNull();
    });

    test(
      'a method of ours without a result is null there',
      async (bench) => {
        const { end } = await dialledByEnd(bench);
        expect(await end.call('nothing', bench.end === netRpc ? {} : [])).toEqual({ result: null });
      },
      { notWith: servesOnly, failsWith: { [netRpc.name]: 'it takes a result of null for an error' } },
    );

    test(
      'our notification arrives there, and nothing comes back',
      async (bench) => {
        const { end, ours, connection, ask } = await dialEnd(bench);
        await ours.requests.notify(
          connection,
          method<object>(end.speech.nameOf('note')),
          end.speech.note('hello'),
        );
        expect(await end.process.next('note')).toMatchObject({ text: 'hello' });
        expect(await ask('add', end.speech.add(1, 2))).toBe(3);
        expect(ours.requests.counters).toMatchObject({ unknownResponses: 0, lateResponses: 0 });
      },
      { notWith: noNotifications },
    );

    test(
      'its notification arrives here',
      async (bench) => {
        const { end, ours } = await dialledByEnd(bench);
        await end.process.run('notify', {
          method: end.speech.nameOf('note'),
          params: end.speech.note('hello'),
        });
        await until('it arrives', () => ours.notes.length > 0);
        expect(ours.notes).toEqual(['hello']);
        expect(ours.requests.counters).toMatchObject({ refused: 0, unsentResponses: 0 });
      },
      { notWith: { ...noNotifications, ...servesOnly } },
    );

    test(
      'our batch of calls and a notification is served there',
      async (bench) => {
        const { end, ours, connection } = await dialEnd(bench);
        const { nameOf, add, note } = end.speech;
        const batch = ours.requests.batch(connection);
        const sums = [1, 2, 3].map((n) => batch.call(method<object, number>(nameOf('add')), add(n, n)));
        const failed = failureOf(batch.call(method(nameOf('missing'))));
        batch.notify(method<object>(nameOf('note')), note('in a batch'));
        batch.send();
        expect(await Promise.all(sums)).toEqual([2, 4, 6]);
        expect((await failed).rpcCode).toBe(-32601);
        expect(await end.process.next('note')).toMatchObject({ text: 'in a batch' });
      },
      { notWith: noBatches },
    );

    test(
      'its batch of calls and a notification is served here',
      async (bench) => {
        const { end, ours } = await dialledByEnd(bench);
        const { add, note } = end.speech;
        const calls = [1, 2, 3].map((n) => ({ method: 'add', params: add(n, n) }));
        const responses = await end.batch(
          [...calls, { method: 'fail', params: [] }],
          [{ method: 'note', params: note('in a batch') }],
        );
        const results = responses.map((response) => (response as { result?: number }).result);
        expect(results.filter((result) => typeof result === 'number').sort()).toEqual([2, 4, 6]);
        expect(JSON.stringify(responses)).toContain('as it was told');
        // go-ethereum's batches are of calls alone.
        if (bench.end !== geth) await until('the notification arrives', () => ours.notes.length === 1);
      },
      { notWith: { ...noBatches, ...servesOnly } },
    );

    test(
      'a call of ours that is given up is cancelled there',
      async (bench) => {
        const { end, ask } = await dialEnd(bench);
        const given = new AbortController();
        const call = ask('wait', undefined, { signal: given.signal });
        await end.process.next('waiting');
        given.abort();
        await expect(call).rejects.toMatchObject({ code: 'P2P_ERR_ABORTED' });
        await end.process.next('cancelled');
        expect(await ask('add', end.speech.add(1, 2))).toBe(3);
      },
      { notWith: onlyVscode('it has no cancellation') },
    );

    test(
      'a call of its own that is given up aborts the signal of our method',
      async (bench) => {
        const { end, ours } = await dialledByEnd(bench);
        const call = end.call('wait', [], 'key');
        await until('it runs', () => ours.waiting.length === 1);
        await end.process.run('cancel', { key: 'key', method: '', params: [] });
        await until('it is cancelled', () => ours.cancelled.length === 1);
        expect(PeerError.is(ours.cancelled[0], 'P2P_ERR_ABORTED')).toBe(true);
        expect(await call).toHaveProperty('error');
        expect(await end.call('add', end.speech.add(1, 2))).toEqual({ result: 3 });
      },
      { notWith: onlyVscode('it has no cancellation') },
    );

    test(
      'progress of its method arrives here, before the result',
      async (bench) => {
        const { ask } = await dialEnd(bench);
        const heard: unknown[] = [];
        const onProgress = (value: unknown) => void heard.push(value);
        expect(await ask('steps', { count: 3 }, { onProgress })).toBe('done');
        expect(heard).toEqual([{ step: 1 }, { step: 2 }, { step: 3 }]);
      },
      { notWith: { ...onlyVscode('it has no progress'), [jrpc2.name]: 'it has no progress' } },
    );

    test(
      'progress of our method arrives there',
      async (bench) => {
        const { end } = await dialledByEnd(bench);
        expect(await end.call('steps', [{ count: 2, workDoneToken: 'token' }])).toEqual({ result: 'done' });
        for (const step of [1, 2])
          expect(await end.process.next('progress')).toMatchObject({ value: { step } });
      },
      { notWith: { ...onlyVscode('it has no progress'), [jrpc2.name]: 'it has no progress' } },
    );

    test('when its program ends, our calls reject', async (bench) => {
      const { end, ask } = await dialEnd(bench);
      expect(await ask('add', end.speech.add(1, 2))).toBe(3);
      end.process.kill();
      await expect(ask('add', end.speech.add(1, 2))).rejects.toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
    });
  },
);
