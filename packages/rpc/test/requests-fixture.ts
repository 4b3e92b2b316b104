import { method, requests } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import type { AnyConnection } from '@pea2pea/core';
import { Peer } from '@pea2pea/decorators';
import { codec, gate, sumSchema, type Sum } from './requests-lab.js';

export const add = method('add', { params: sumSchema });
export const concat = method<[string, string], string>('concat');
export const whoAmI = method<void, string>('whoAmI');
export const silent = method<void, never>('silent');

/** Serves all of them. */
@Peer({ codec, plugins: [requests()] })
export class Server {
  readonly noted: unknown[] = [];
  readonly forever = gate();

  @OnRequest(add)
  add({ a, b }: Sum) {
    return a + b;
  }
  @OnRequest(concat)
  async concat([one, other]: [string, string]) {
    return one + other;
  }
  @OnRequest(whoAmI)
  whoAmI(_params: void, connection: AnyConnection) {
    return connection.address.toString();
  }
  @OnRequest(silent)
  async silent(): Promise<never> {
    await this.forever.promise;
    throw new Error('unreachable');
  }
  @OnRequest(method<{ text: string }, void>('note'))
  note({ text }: { text: string }) {
    this.noted.push(text);
  }
}

export const slow = method<{ n: number }, number>('slow');

/** A request as it is on the wire. */
export const ask = (id: unknown, name: string, params?: unknown) => ({
  jsonrpc: '2.0',
  id,
  method: name,
  ...(params !== undefined && { params }),
});
/** A refusal as it is on the wire. */
export const failure = (id: unknown, code: number, message: string) => ({
  jsonrpc: '2.0',
  id,
  error: { code, message },
});

/** Serves `slow` when it is told to. */
@Peer({ codec, plugins: [requests({ maxConcurrent: 2 })] })
export class Slow {
  readonly begun: number[] = [];
  readonly gates = new Map<number, () => void>();

  @OnRequest(slow)
  async slow({ n }: { n: number }) {
    const { promise, open } = gate();
    this.gates.set(n, open);
    this.begun.push(n);
    await promise;
    return n;
  }
}
