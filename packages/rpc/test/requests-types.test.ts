// What compiles and what does not. `npm run check:types` is the test; what runs only shows that it can.
import { expect, it } from '@jest/globals';
import type { Connection, StandardSchemaV1 } from '@pea2pea/core';
import { method, Requests, requests, type Client, type Method } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { Peer } from '@pea2pea/decorators';
import { z } from 'zod';
import { codec } from './requests-lab.js';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const typed = <_T extends true>(): void => {};

interface Sum {
  readonly a: number;
  readonly b: number;
}
const add = method<Sum, number>('add');
const checked = method<Sum, number>('add', { params: z.object({ a: z.number(), b: z.number() }) });
const ping = method('ping');
const now = method<void, Date>('now');
const filtered = method<{ readonly limit: number } | undefined, string[]>('filtered');
const pair = method<readonly [number, number], number>('pair');
const remind = method('remind', {
  params: z.object({
    at: z.iso.datetime().transform((text) => new Date(text)),
    room: z.string().default(''),
  }),
  result: z.object({ id: z.number().transform(String) }),
});
const onlyResult = method('onlyResult', { result: z.number() });
const onlyParams = method('onlyParams', { params: z.object({ x: z.number() }) });

/** Never called: its types are what matters. */
export function calling(calls: Requests, connection: Connection, chat: Connection<Sum, string>): void {
  const _adding = () => calls.call(connection, add, { a: 1, b: 2 });
  typed<Same<ReturnType<typeof _adding>, Promise<number>>>();
  const _reminding = () => calls.call(chat, remind, { at: '2020-01-01T00:00:00Z' });
  typed<Same<ReturnType<typeof _reminding>, Promise<{ id: string }>>>();
  const _pinging = () => calls.call(connection, ping);
  typed<Same<ReturnType<typeof _pinging>, Promise<unknown>>>();
  const _telling = () => calls.call(connection, now, undefined, { timeoutMs: 5 });
  typed<Same<ReturnType<typeof _telling>, Promise<Date>>>();
  const _counting = () => calls.call(connection, onlyResult);
  typed<Same<ReturnType<typeof _counting>, Promise<number>>>();
  void calls.call(connection, filtered);
  void calls.call(connection, filtered, { limit: 1 });
  void calls.call(connection, pair, [1, 2]);
  void calls.call(connection, checked, { a: 1, b: 2 });
  void calls.notify(connection, add, { a: 1, b: 2 });
  void calls.notify(connection, ping);

  // @ts-expect-error params are missing
  void calls.call(connection, add);
  // @ts-expect-error a param is missing
  void calls.call(connection, add, { a: 1 });
  // @ts-expect-error a param has the wrong type
  void calls.call(connection, add, { a: 1, b: '2' });
  // @ts-expect-error one too few
  void calls.call(connection, pair, [1]);
  // @ts-expect-error there are no params
  void calls.call(connection, now, { a: 1 });
  // @ts-expect-error what is sent is a text, not what becomes of it
  void calls.call(connection, remind, { at: new Date() });
  // @ts-expect-error there is no such option
  void calls.call(connection, ping, undefined, { timeout: 5 });
  // @ts-expect-error a notification has params, too
  void calls.notify(connection, add, { a: 1 });
  // @ts-expect-error the result is a number
  void calls.call(connection, add, { a: 1, b: 2 }).then((result: string) => result);

  const client = calls.client(connection, { add, now });
  typed<Same<typeof client, Client<{ readonly add: typeof add; readonly now: typeof now }>>>();
  const _sum = () => client.add({ a: 1, b: 2 }, { timeoutMs: 5 });
  typed<Same<ReturnType<typeof _sum>, Promise<number>>>();
  // @ts-expect-error params are missing
  void client.add();
  // @ts-expect-error there is no such method
  void client.subtract;
}

/** Never called, either. */
export function declaring(schema: StandardSchemaV1<number>): void {
  typed<Same<typeof add, Method<Sum, number, Sum, number>>>();
  typed<Same<typeof checked, typeof add>>();
  // @ts-expect-error a schema of something else
  method<Sum, number>('x', { params: z.object({ a: z.string() }) });
  // @ts-expect-error a schema that makes something else of what is sent
  method<Sum, number>('x', { result: z.number().transform(String) });
  // @ts-expect-error params are an object or a list
  method<number, number>('x');
  // @ts-expect-error params are an object or a list
  method('x', { params: schema });
  // @ts-expect-error no schema
  method('x', { params: Number });
  // @ts-expect-error no such option of the plugin
  requests({ timeout: 5 });
}

/** Decorated: an error that is expected below must be one in both modes. */
@Peer({ codec, plugins: [requests()] })
export class Serves {
  @OnRequest(add)
  add({ a, b }: Sum): number {
    return a + b;
  }
  @OnRequest(now)
  async now(_none: void, connection: Connection<Sum, string>): Promise<Date> {
    await connection.drained();
    return new Date(0);
  }
  @OnRequest(ping)
  anything() {}
  @OnRequest(remind)
  remind({ at, room }: { at: Date; room: string }) {
    return { id: at.getTime() + room.length };
  }
  @OnRequest(onlyParams)
  fewer() {}

  // @ts-expect-error the params are of another type
  @OnRequest(add)
  wrongParams({ a }: { a: string }) {
    return a.length;
  }
  // @ts-expect-error the result is of another type
  @OnRequest(add)
  wrongResult() {
    return 'three';
  }
  // @ts-expect-error so is a promise of it
  @OnRequest(add)
  async wrongPromise() {
    return 'three';
  }
  // @ts-expect-error what is answered is a number, not what the schema makes of it
  @OnRequest(remind)
  wrongSent() {
    return { id: 'one' };
  }
  // @ts-expect-error there is no third argument
  @OnRequest(add)
  wrongCount(_params: Sum, _connection: Connection, _more: string) {
    return 3;
  }
}

it('anything but a method is refused where it stands, and does not compile', () => {
  // @ts-expect-error it takes a method, not a name
  expect(() => OnRequest('add')).toThrow('@OnRequest takes a method made by method(), not "add"');
  // @ts-expect-error as of two modules that import each other
  expect(() => OnRequest(undefined)).toThrow('not undefined');
  // @ts-expect-error as where the parentheses are missing
  expect(() => OnRequest({}, 'name', {})).toThrow('write @OnRequest(add)');
});

it('what compiles is a method at run time', () => {
  expect([add, ping, remind].map(({ name }) => name)).toEqual(['add', 'ping', 'remind']);
  expect(Object.isFrozen(add)).toBe(true);
});
