import { afterEach, describe, expect, it } from '@jest/globals';
import { memoryTransport, PeerNode } from '@pea2pea/core';
import {
  DIALECTS,
  method,
  requests,
  rpcDiagnostics,
  type CallDiagnostic,
  type RequestsOptions,
  type TraceContext,
} from '@pea2pea/rpc';
import { ANYWHERE, lab, silentLogger, until } from '@pea2pea/testing';
import { codec } from './requests-lab.js';

const { own } = lab();

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${TRACE_ID}-b7ad6b7169203331-01`;
const look = method<object | undefined, void>('look');

/** A node that calls, and one by hand that shows what comes in, and sends what it is given. */
async function wire(options: RequestsOptions = {}) {
  const config = { codec, transport: memoryTransport(), logger: silentLogger };
  const heard: unknown[] = [];
  const hand = own(new PeerNode(config)).use({ onMessage: (message) => void heard.push(message) });
  const node = own(new PeerNode(config)).use(requests(options));
  const traces: (TraceContext | undefined)[] = [];
  node.plugin(requests).serve(look, (_params, _connection, { trace }) => void traces.push(trace));
  const connection = await node.connect(await hand.listen(ANYWHERE));
  await until('it is connected', () => hand.connections.size === 1);
  const [back] = hand.connections;
  return {
    calling: node.plugin(requests),
    connection,
    traces,
    send: (message: object) => back!.send(message),
    async heard(count = 1) {
      await until('it is heard', () => heard.length === count);
      return heard;
    },
  };
}

const ends: (() => void)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

describe('the trace context of a request', () => {
  it('is two members of the request', async () => {
    const { calling, connection, heard } = await wire();
    void calling.call(connection, look, { a: 1 }, { trace: { traceparent, tracestate: 'a=1,b=2' } });
    expect(await heard()).toEqual([
      { jsonrpc: '2.0', id: 1, method: 'look', params: { a: 1 }, traceparent, tracestate: 'a=1,b=2' },
    ]);
  });

  it('is in _meta of the params for MCP, beside what is there', async () => {
    const { calling, connection, heard } = await wire({ dialect: 'mcp' });
    void calling.call(connection, look, { a: 1, _meta: { b: 2 } }, { trace: { traceparent } });
    void calling.call(connection, look, undefined, { trace: { traceparent }, onProgress: () => {} });
    void calling.call(connection, look, [1], { trace: { traceparent } });
    expect(await heard(3)).toMatchObject([
      { params: { a: 1, _meta: { b: 2, traceparent } } },
      { params: { _meta: { progressToken: 2, traceparent } } },
      { params: [1] },
    ]);
  });

  it.each(['none', 'jrpc2'] as const)('is not sent in the dialect %s', async (dialect) => {
    const { calling, connection, heard } = await wire({ dialect });
    void calling.call(connection, look, undefined, { trace: { traceparent } });
    expect(await heard()).toEqual([{ jsonrpc: '2.0', id: 1, method: 'look' }]);
  });

  it('is not sent where nobody has set one', async () => {
    const { calling, connection, heard } = await wire();
    void calling.call(connection, look);
    expect(await heard()).toEqual([{ jsonrpc: '2.0', id: 1, method: 'look' }]);
  });

  it('goes with notifications, and with the calls of a batch', async () => {
    const { calling, connection, heard } = await wire();
    await calling.notify(connection, look, undefined, { trace: { traceparent } });
    const batch = calling.batch(connection);
    void batch.call(look, undefined, { trace: { traceparent } });
    batch.send();
    expect(await heard(2)).toMatchObject([{ traceparent }, [{ id: 1, traceparent }]]);
  });

  it('can be set by a subscriber, who sees what the call was given', async () => {
    const { calling, connection, heard } = await wire();
    const given: unknown[] = [];
    const start = (event: unknown): void => {
      given.push((event as CallDiagnostic).trace);
      (event as CallDiagnostic).trace = { traceparent };
    };
    rpcDiagnostics.call.start.subscribe(start);
    ends.push(() => void rpcDiagnostics.call.start.unsubscribe(start));
    const other = `00-${TRACE_ID}-0000000000000001-00`;
    void calling.call(connection, look, undefined, { trace: { traceparent: other } });
    void calling.notify(connection, look);
    expect(await heard(2)).toMatchObject([{ traceparent }, { traceparent }]);
    expect(given).toEqual([{ traceparent: other }, undefined]);
  });

  it('is known to the method that serves it', async () => {
    const { send, traces } = await wire();
    await send({ jsonrpc: '2.0', id: 1, method: 'look', traceparent, tracestate: 'a=1' });
    await send([{ jsonrpc: '2.0', method: 'look', traceparent }]);
    await send({ jsonrpc: '2.0', id: 2, method: 'look' });
    await until('all are served', () => traces.length === 3);
    expect(traces).toEqual([{ traceparent, tracestate: 'a=1' }, { traceparent }, undefined]);
  });

  it('is known to it in MCP, too', async () => {
    const { send, traces } = await wire({ dialect: 'mcp' });
    await send({ jsonrpc: '2.0', id: 1, method: 'look', params: { _meta: { traceparent } }, traceparent: 1 });
    await send({ jsonrpc: '2.0', id: 2, method: 'look', params: { _meta: 7 }, traceparent });
    await until('both are served', () => traces.length === 2);
    expect(traces).toEqual([{ traceparent }, undefined]);
  });

  it('of a later version is that of the version that is known', async () => {
    const { send, traces } = await wire();
    await send({
      jsonrpc: '2.0',
      id: 1,
      method: 'look',
      traceparent: `cc${traceparent.slice(2)}-what-comes`,
    });
    await until('it is served', () => traces.length === 1);
    expect(traces).toEqual([{ traceparent }]);
  });

  const MALFORMED: [string, unknown][] = [
    ['a number', 7],
    ['an object', { toString: 1 }],
    ['a list', [traceparent]],
    ['an empty string', ''],
    ['one that is too short', traceparent.slice(1)],
    ['one of version 00 with more at its end', `${traceparent}-00`],
    ['one of version ff', `ff${traceparent.slice(2)}`],
    ['one in upper case', traceparent.toUpperCase()],
    ['a trace of zeros', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
    ['a parent of zeros', `00-${TRACE_ID}-${'0'.repeat(16)}-01`],
    ['one that is too long', `cc${traceparent.slice(2)}-${'a'.repeat(1_000_000)}`],
    ['one with a line break', `${traceparent}\n`],
  ];

  it.each(MALFORMED)('is ignored, and the request served, where it is %s', async (_, malformed) => {
    const { send, traces } = await wire();
    await send({ jsonrpc: '2.0', id: 1, method: 'look', traceparent: malformed, tracestate: 'a=1' });
    await until('it is served', () => traces.length === 1);
    expect(traces).toEqual([undefined]);
  });

  it.each(MALFORMED)('is not sent where it is %s', async (_, malformed) => {
    const { calling, connection, heard } = await wire();
    void calling.call(connection, look, undefined, { trace: { traceparent: malformed } as never });
    expect(await heard()).toEqual([{ jsonrpc: '2.0', id: 1, method: 'look' }]);
  });

  it.each([
    ['too long', 'a=1,'.repeat(200)],
    ['not a string', { a: 1 }],
    ['not printable', 'a=\u0000'],
    ['empty', ''],
  ])('is without a tracestate that is %s', async (_, tracestate) => {
    const { send, traces } = await wire();
    await send({ jsonrpc: '2.0', id: 1, method: 'look', traceparent, tracestate });
    await until('it is served', () => traces.length === 1);
    expect(traces).toEqual([{ traceparent }]);
  });

  it('has a place in a dialect of your own, and no other', async () => {
    const { calling, connection, heard } = await wire({ dialect: { ...DIALECTS.jrpc2, trace: 'request' } });
    void calling.call(connection, look, undefined, { trace: { traceparent } });
    expect(await heard()).toMatchObject([{ traceparent }]);
    const make = () => new PeerNode({ codec }).use(requests({ dialect: { trace: 'header' as never } }));
    expect(make).toThrow(expect.objectContaining({ code: 'P2P_ERR_INVALID_CONFIG' }));
  });
});
