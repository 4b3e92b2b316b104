import { createHook, AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, it } from '@jest/globals';
import { memoryTransport, PeerNode, type TracedDiagnostic } from '@pea2pea/core';
import type { RequestError } from '@pea2pea/rpc';
import {
  method,
  requests,
  rpcDiagnostics,
  type CallDiagnostic,
  type RequestsOptions,
  type ServeDiagnostic,
} from '@pea2pea/rpc';
import { ANYWHERE, lab, silentLogger, turn, until } from '@pea2pea/testing';
import { codec, sumSchema } from './requests-lab.js';

const { own } = lab();

const add = method('add', { params: sumSchema });
const later = method<{ a: number }, number>('later');
const note = method<{ text: string }, void>('note');

async function pair(options: RequestsOptions = {}) {
  const config = { codec, transport: memoryTransport(), logger: silentLogger };
  const server = own(new PeerNode({ ...config, name: 'server' })).use(requests(options));
  const client = own(new PeerNode({ ...config, name: 'client' })).use(requests(options));
  const connection = await client.connect(await server.listen(ANYWHERE));
  const [serving, calling] = [server.plugin(requests), client.plugin(requests)];
  serving.serve(add, ({ a, b }) => a + b).serve(later, ({ a }) => Promise.resolve(a));
  return { server, client, serving, calling, connection };
}

type Event = (CallDiagnostic | ServeDiagnostic) & TracedDiagnostic;

const ends: (() => void)[] = [];

/** All that is published, as `call:start add`, with the events. */
function listen(onStart: (event: Event) => void = () => {}): { told: string[]; events: Event[] } {
  const told: string[] = [];
  const events: Event[] = [];
  for (const channel of ['call', 'serve'] as const) {
    const note =
      (what: string) =>
      (event: unknown): void => {
        told.push(`${channel}:${what} ${(event as Event).method}`);
        if (what !== 'start') return;
        events.push(event as Event);
        onStart(event as Event);
      };
    const subscribers = {
      start: note('start'),
      end: note('end'),
      asyncStart: () => {},
      asyncEnd: note('asyncEnd'),
      error: note('error'),
    };
    rpcDiagnostics[channel].subscribe(subscribers);
    ends.push(() => void rpcDiagnostics[channel].unsubscribe(subscribers));
  }
  return { told, events };
}

afterEach(() => ends.splice(0).forEach((end) => end()));

describe('the tracing channels of requests', () => {
  it('tell of a call and of the method that serves it, to the end of their promises', async () => {
    const { calling, connection } = await pair();
    const { told, events } = listen();
    await calling.call(connection, later, { a: 1 });
    expect(told).toEqual([
      'call:start later',
      'call:end later',
      'serve:start later',
      'serve:end later',
      'serve:asyncEnd later',
      'call:asyncEnd later',
    ]);
    expect(events).toMatchObject([
      { node: 'client', connection, method: 'later', version: '2.0', isNotification: false, result: 1 },
      { node: 'server', method: 'later', version: '2.0', id: 1, result: 1 },
    ]);
  });

  it('tell of a method that returns at once within its turn', async () => {
    const { calling, connection } = await pair();
    const { told } = listen();
    await calling.call(connection, add, { a: 1, b: 2 });
    expect(told.filter((one) => one.startsWith('serve'))).toEqual(['serve:start add', 'serve:end add']);
  });

  it('tell of the calls of a batch, and of notifications on both sides', async () => {
    const { calling, serving, connection } = await pair();
    const noted: string[] = [];
    serving.serve(note, ({ text }) => void noted.push(text));
    const { events } = listen();
    const batch = calling.batch(connection);
    const sum = batch.call(add, { a: 1, b: 2 });
    batch.send();
    await calling.notify(connection, note, { text: 'a' });
    await until('it is noted', () => noted.length === 1);
    expect(await sum).toBe(3);
    expect(events.map(({ node, method }) => `${node} ${method}`)).toEqual([
      'client add',
      'client note',
      'server add',
      'server note',
    ]);
    expect(events[1]).toMatchObject({ isNotification: true });
    expect(events[3]).toMatchObject({ id: undefined });
  });

  it('have the error of what fails: the one that was thrown here, and the one that the caller gets there', async () => {
    const { calling, serving, connection } = await pair();
    const thrown = new Error('a secret');
    const fail = method<void, never>('fail');
    serving.serve(fail, () => {
      throw thrown;
    });
    const { told, events } = listen();
    const caught: unknown = await calling.call(connection, fail).catch((error: unknown) => error);
    expect(events.map(({ error }) => error)).toEqual([caught, thrown]);
    expect(told).toContain('serve:error fail');
    expect(told).toContain('call:error fail');
    const refused = await calling
      .call(connection, add, { a: 1 } as never)
      .catch((error: RequestError) => error);
    expect(refused).toMatchObject({ rpcCode: -32602, rpcMessage: 'invalid params' });
    expect(events[3]!.error).toMatchObject({ rpcCode: -32602 });
  });

  it('say nothing of a request for a method that nobody serves: its name is the word of the peer', async () => {
    const { calling, connection } = await pair();
    const { events } = listen();
    await calling.call(connection, method('what a peer says')).catch(() => undefined);
    expect(events.map(({ node }) => node)).toEqual(['client']);
  });

  it('run a method, and what it goes on with, in the context that a subscriber gives it', async () => {
    const { calling, serving, connection } = await pair();
    const store = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const look = method<void, void>('look');
    serving.serve(look, async () => {
      seen.push(store.getStore());
      await turn();
      seen.push(store.getStore());
    });
    listen((event) => {
      if ('id' in event) event.around = (run) => store.run('a span', run);
    });
    await calling.call(connection, look);
    expect(seen).toEqual(['a span', 'a span']);
  });

  it('leave a call that nobody awaits harmless, though somebody listens', async () => {
    const { calling, connection } = await pair();
    const { events } = listen();
    void calling.call(connection, method('nobody serves it'));
    await until('it failed', () => events[0]?.error !== undefined);
    await turn(3);
  });

  it('cost a call no promise where nobody listens', async () => {
    const { calling, connection } = await pair();
    const promises = async (): Promise<number> => {
      let made = 0;
      const hook = createHook({ init: (_id, type) => void (made += type === 'PROMISE' ? 1 : 0) }).enable();
      await calling.call(connection, later, { a: 1 });
      hook.disable();
      return made;
    };
    await promises();
    const before = await promises();
    listen();
    expect(await promises()).toBeGreaterThan(before);
    ends.splice(0).forEach((end) => end());
    expect(await promises()).toBe(before);
  });
});
