// Requests over real sockets, with other codecs, and with somebody who knows nothing of us.
import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Codec, AnyConnection } from '@pea2pea/core';
import { json, lengthDelimited, lines } from '@pea2pea/codecs';
import { cbor } from '@pea2pea/codecs/cbor';
import { msgpack } from '@pea2pea/codecs/msgpack';
import { createPeer, OnConnect, Peer } from '@pea2pea/decorators';
import { method, RequestError, Requests, requests } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { ANYWHERE, lab, peerErrorOf, until } from '@pea2pea/testing';
import { type Sum } from './requests-lab.js';

const { own } = lab();

const divide = method<Sum, number>('divide');
const greet = method<[string], string>('greet');

class Divides {
  @OnRequest(divide)
  async divide({ a, b }: Sum) {
    if (b === 0) throw new RequestError(1, 'division by zero', { a });
    return a / b;
  }
}

describe('over TCP', () => {
  it.each<[string, Codec<unknown>]>([
    ['json(lines())', json(lines())],
    ['json()', json(lengthDelimited())],
    ['msgpack()', msgpack()],
    ['cbor()', cbor()],
  ])('two peers that speak %s call each other', async (_name, codec) => {
    @Peer({ codec, plugins: [requests()] })
    class Both extends Divides {}
    await using server = own(await createPeer(Both, { listen: ANYWHERE }));
    await using client = own(await createPeer(Both));
    const connection = await client.node.connect(server.address!);
    const calls = client.get(Requests);
    const all = Array.from({ length: 50 }, (_, a) => calls.call(connection, divide, { a, b: 2 }));
    expect(await Promise.all(all)).toEqual(all.map((_, a) => a / 2));
    const error = await peerErrorOf('P2P_ERR_REQUEST_FAILED', () =>
      calls.call(connection, divide, { a: 7, b: 0 }),
    );
    expect(error).toMatchObject({ rpcCode: 1, rpcMessage: 'division by zero', data: { a: 7 } });
    expect(await calls.call(connection, method('none')).catch((none: RequestError) => none.rpcCode)).toBe(
      -32601,
    );
    await server.close();
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => calls.call(connection, divide, { a: 1, b: 1 }));
  });

  it('a socket that writes JSON by hand is served, and serves', async () => {
    const greetings: unknown[] = [];
    @Peer({ codec: json(lines()), plugins: [requests()], inject: [Requests] })
    class Host extends Divides {
      readonly calls: Requests;
      constructor(calls: Requests) {
        super();
        this.calls = calls;
      }
      @OnConnect()
      async welcome(connection: AnyConnection) {
        greetings.push(await this.calls.call(connection, greet, ['stranger']));
      }
    }
    await using server = own(await createPeer(Host, { listen: ANYWHERE }));
    const socket = connect(server.address!.port, '127.0.0.1');
    const heard: unknown[] = [];
    createInterface({ input: socket }).on('line', (line) => heard.push(JSON.parse(line)));
    await once(socket, 'connect');
    await until('it is greeted', () => heard.length === 1);
    expect(heard).toEqual([{ jsonrpc: '2.0', id: 1, method: 'greet', params: ['stranger'] }]);

    socket.write('{"jsonrpc": "2.0", "result": "hello", "id": 1}\n');
    socket.write('{"jsonrpc": "2.0", "method": "divide", "params": {"a": 6, "b": 3}, "id": "7"}\n');
    socket.write('{"jsonrpc": "2.0", "method": "divide", "params": {"a": 6, "b": 0}, "id": 8}\n');
    socket.write('{"jsonrpc": "2.0", "method": "divide", "params": {"a": 6, "b": 0}}\n');
    await until('it is answered', () => heard.length === 3);
    expect(heard.slice(1)).toEqual([
      { jsonrpc: '2.0', id: '7', result: 2 },
      { jsonrpc: '2.0', id: 8, error: { code: 1, message: 'division by zero', data: { a: 6 } } },
    ]);
    expect(greetings).toEqual(['hello']);
    socket.destroy();
  });
});
