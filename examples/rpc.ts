/**
 * Two peers in one process ask each other things, over real TCP: a calculator with methods of which both know the
 * types, and a client whom the calculator calls back. What is sent is JSON-RPC 2.0, one object a line, so a client
 * may just as well be written in another language.
 *
 *   npm run example rpc
 */
import { PeerError, type StandardSchemaV1, type AnyConnection } from '@pea2pea/core';
import { json, lines } from '@pea2pea/codecs';
import { createPeer, Peer } from '@pea2pea/decorators';
import { method, RequestError, Requests, requests } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';

interface Sum {
  readonly a: number;
  readonly b: number;
}

/** What arrives is checked by a schema: of zod, valibot, arktype, or by hand as here. */
const sum: StandardSchemaV1<Sum> = {
  '~standard': {
    version: 1,
    vendor: 'by hand',
    validate(value) {
      const { a, b } = Object(value) as Partial<Sum>;
      if (typeof a === 'number' && typeof b === 'number') return { value: { a, b } };
      return { issues: [{ message: 'expected { a, b }, both of them numbers' }] };
    },
  },
};

/** The methods, as both sides know them: a name, and the types of params and result. */
const divide = method<Sum, number>('divide', { params: sum });
/** Trusted: no schema. */
const ponder = method<{ question: string }, string>('ponder');
const buy = method<{ item: string }, string>('buy');
/** Served by the client. */
const confirm = method<{ text: string }, boolean>('confirm');

const codec = json(lines());

@Peer({ codec, listen: { host: '127.0.0.1', port: 0 }, plugins: [requests()] })
class Calculator {
  constructor(private readonly requests: Requests) {}

  /** What it answers, or its promise, is the result. */
  @OnRequest(divide)
  divide({ a, b }: Sum): number {
    if (b === 0) throw new RequestError(1, 'division by zero', { a });
    return a / b;
  }

  /** Thinks until nobody is there to hear the answer. */
  @OnRequest(ponder)
  async ponder(_params: { question: string }, { signal }: AnyConnection): Promise<string> {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return '42';
  }

  /** Asks back, over the same connection. */
  @OnRequest(buy)
  async buy({ item }: { item: string }, connection: AnyConnection): Promise<string> {
    const text = `do you really want ${item}?`;
    const isConfirmed = await this.requests.call(connection, confirm, { text });
    return isConfirmed ? `here is ${item}` : 'maybe later';
  }
}

@Peer({ codec, plugins: [requests({ timeoutMs: 5_000 })] })
class Client {
  @OnRequest(confirm)
  confirm({ text }: { text: string }): boolean {
    console.log(`server  ${text}`);
    return true;
  }
}

/** Says what a call came to. */
async function show(what: string, call: Promise<unknown>): Promise<void> {
  try {
    console.log(`client  ${what}: ${String(await call)}`);
  } catch (error) {
    if (RequestError.is(error)) console.log(`client  ${what}: refused, ${error.rpcCode} ${error.rpcMessage}`);
    else if (PeerError.is(error)) console.log(`client  ${what}: ${error.code}`);
    else throw error;
  }
}

const server = await createPeer(Calculator);
const client = await createPeer(Client);
const connection = await client.node.connect(server.address!);
const calls = client.get(Requests);

// A call, with its types checked by the compiler; and the same as a function.
await show('6 / 3', calls.call(connection, divide, { a: 6, b: 3 }));
const calculator = calls.client(connection, { divide, ponder, buy });
await show('7 / 2', calculator.divide({ a: 7, b: 2 }));

// Refused by the method, by the schema, and because there is no such method.
await show('1 / 0', calculator.divide({ a: 1, b: 0 }));
await show('1 / two', calculator.divide({ a: 1, b: 'two' as unknown as number }));
await show('multiply', calls.call(connection, method('multiply')));

// The server asks back before it answers.
await show('buy tea', calculator.buy({ item: 'tea' }));

// Given up: by a deadline, by a signal, and by the end of the connection.
const question = { question: 'life, the universe and everything' };
await show('a deadline', calculator.ponder(question, { timeoutMs: 50 }));
const controller = new AbortController();
const aborted = show('an abort', calculator.ponder(question, { signal: controller.signal }));
controller.abort();
await aborted;
const cut = show('the end', calculator.ponder(question));
await connection.disconnect();
await cut;

await Promise.all([client.close(), server.close()]);
console.log('both    closed');
