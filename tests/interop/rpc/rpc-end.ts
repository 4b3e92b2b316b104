import { PeerNode, type Connection } from '@pea2pea/core';
import {
  method,
  RequestError,
  requests,
  type Method,
  type Requests,
  type RequestContext,
} from '@pea2pea/rpc';
import { ANYWHERE, silentLogger } from '@pea2pea/testing';
import type { EndProcess } from '../harness/end-process.js';
import type { Bench } from '../harness/suite.js';
import { speechOf, type Speech } from './ends.js';

/** How a call ended there. */
export type Outcome =
  | { readonly result: unknown }
  | { readonly error: { readonly code?: number | null; readonly message: string } };

/** A call for the end to make. */
export interface TheirCall {
  readonly method: string;
  readonly params: unknown;
}

/**
 * The other end, which serves `add`, `fail`, `nothing` and `note`, and whose commands are `listen`, `dial`, `call`, `calls`,
 * `notify`, `batch`, and `cancel` of the call with a `key`.
 */
export class RpcEnd {
  readonly process: EndProcess;
  readonly speech: Speech;

  constructor(process: EndProcess, speech: Speech) {
    this.process = process;
    this.speech = speech;
  }

  async call(name: string, params: unknown, key?: string): Promise<Outcome> {
    const method = this.speech.nameOf(name);
    const { result, error } = await this.process.run('call', {
      method,
      params,
      ...(key !== undefined && { key }),
    });
    return error === undefined ? { result } : { error: error as { message: string } };
  }

  async calls(name: string, list: readonly unknown[]): Promise<Outcome[]> {
    return (await this.process.run('calls', { method: this.speech.nameOf(name), list }))[
      'outcomes'
    ] as Outcome[];
  }

  async batch(calls: readonly TheirCall[], notifications: readonly TheirCall[]): Promise<unknown[]> {
    const named = (all: readonly TheirCall[]) =>
      all.map((call) => ({ ...call, method: this.speech.nameOf(call.method) }));
    const args = { calls: named(calls), notifications: named(notifications) };
    return (await this.process.run('batch', args))['responses'] as unknown[];
  }
}

/** Our node, and what became of what it served. */
export interface Ours {
  readonly node: PeerNode<unknown>;
  readonly requests: Requests;
  readonly notes: unknown[];
  /** Of the requests for `wait`: why the signal of each aborted. */
  readonly cancelled: unknown[];
  readonly waiting: RequestContext[];
}

/** A node that speaks as the end does, and serves the methods that every end serves. */
export function ourNode({ end, own }: Bench): Ours {
  const { codec, options, nameOf } = speechOf(end);
  // Some clients make a connection for each request, all from one address.
  const limits = {
    maxConnections: 500,
    maxConnectionsPerIp: 400,
    maxConnecting: 500,
    maxConnectingPerIp: 400,
  };
  const node = own(new PeerNode<unknown>({ codec: codec(), logger: silentLogger, ...limits })).use(
    requests(options),
  );
  const plugin = node.plugin(requests);
  const ours: Ours = { node, requests: plugin, notes: [], cancelled: [], waiting: [] };
  const named = (name: string): Method<object, unknown, unknown, unknown> =>
    method<object, unknown>(nameOf(name));
  const valuesOf = (params: object | undefined): unknown[] => Object.values(params ?? {});
  plugin
    .serve(named('add'), async (params) => valuesOf(params).reduce((a, b) => Number(a) + Number(b), 0))
    .serve(named('fail'), () => {
      throw new RequestError(7, 'as it was told', { why: 'so' });
    })
    .serve(named('nothing'), () => undefined)
    .serve(named('note'), (params) => void ours.notes.push(valuesOf(params)[0]))
    .serve(named('wait'), async (_params, _connection, request) => {
      ours.waiting.push(request);
      await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
      ours.cancelled.push(request.signal.reason);
      throw new Error('gave up');
    })
    .serve(named('steps'), (params, _connection, request) => {
      for (let step = 1; step <= (params as { count: number }).count; step++) request.progress({ step });
      return 'done';
    });
  return ours;
}

/** The end listens, and we have a connection with it. */
export async function dialEnd(
  bench: Bench,
): Promise<{ readonly end: RpcEnd; readonly ours: Ours; readonly connection: Connection; ask: Asking }> {
  const end = new RpcEnd(await bench.start(), speechOf(bench.end));
  const ours = ourNode(bench);
  const { port } = await end.process.run('listen');
  const connection = await ours.node.connect({ host: '127.0.0.1', port: port as number });
  const ask: Asking = (name, params, options) =>
    ours.requests.call(
      connection,
      method<object | undefined, unknown>(end.speech.nameOf(name)),
      params,
      options,
    );
  return { end, ours, connection, ask };
}

type Asking = (name: string, params?: object, options?: Parameters<Requests['call']>[3]) => Promise<unknown>;

/** We listen, and the end has a client that is connected with us. */
export async function dialledByEnd(bench: Bench): Promise<{ readonly end: RpcEnd; readonly ours: Ours }> {
  const end = new RpcEnd(await bench.start(), speechOf(bench.end));
  const ours = ourNode(bench);
  const { port } = await ours.node.listen(ANYWHERE);
  await end.process.run('dial', { port });
  return { end, ours };
}
