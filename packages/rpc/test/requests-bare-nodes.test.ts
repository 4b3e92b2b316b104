import { describe, expect, it } from '@jest/globals';
import { memoryTransport, PeerNode } from '@pea2pea/core';
import { createPeer, Peer } from '@pea2pea/decorators';
import { method, RequestError, requests } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { ANYWHERE, lab, peerErrorOf, silentLogger } from '@pea2pea/testing';
import { codec, sumSchema, type Sum } from './requests-lab.js';

const { own } = lab();

const add = method('add', { params: sumSchema });
const whoAmI = method<void, string>('whoAmI');

async function pair() {
  const config = { codec, transport: memoryTransport(), logger: silentLogger };
  const server = own(new PeerNode(config)).use(requests());
  const client = own(new PeerNode(config)).use(requests());
  const connection = await client.connect(await server.listen(ANYWHERE));
  return {
    server,
    serving: server.plugin(requests),
    calling: client.plugin(requests),
    connection: connection,
    async [Symbol.asyncDispose]() {
      await Promise.all([client.close(), server.close()]);
    },
  };
}

describe('requests on nodes without a container', () => {
  it.each([Symbol('what'), () => 1])(
    'that return what no codec can say fail, and their caller hears so',
    async (odd) => {
      await using two = await pair();
      two.serving.serve(whoAmI, () => odd as never);
      const error = await peerErrorOf('P2P_ERR_REQUEST_FAILED', () =>
        two.calling.call(two.connection, whoAmI),
      );
      expect((error as RequestError).rpcCode).toBe(-32603);
      expect(two.calling.counters.unknownResponses).toBe(0);
    },
  );

  it('are served by functions, with their schemas, from the turn on in which they are given', async () => {
    await using two = await pair();
    const early = await peerErrorOf('P2P_ERR_REQUEST_FAILED', () =>
      two.calling.call(two.connection, add, { a: 1, b: 2 }),
    );
    expect((early as RequestError).rpcMessage).toBe('method not found');
    two.serving
      .serve(add, ({ a, b }: Sum) => a + b)
      .serve(whoAmI, async (_params, { address }) => Promise.resolve(address.host));
    expect(await two.calling.call(two.connection, add, { a: 1, b: 2 })).toBe(3);
    expect(await two.calling.call(two.connection, whoAmI)).toBe('127.0.0.1');
    const invalid = await peerErrorOf('P2P_ERR_REQUEST_FAILED', () =>
      two.calling.call(two.connection, add, { a: 1 } as never),
    );
    expect((invalid as RequestError).rpcMessage).toBe('invalid params');
  });

  it('tell the caller what a RequestError says, and nothing of another', async () => {
    await using two = await pair();
    two.serving.serve(add, ({ a }) => {
      throw a === 1 ? new RequestError(7, 'not today') : new Error('a secret');
    });
    const ask = (a: number) =>
      peerErrorOf('P2P_ERR_REQUEST_FAILED', () => two.calling.call(two.connection, add, { a, b: 0 }));
    expect([(await ask(1)).message, (await ask(2)).message]).toEqual([
      expect.stringContaining('not today'),
      expect.stringContaining('internal error'),
    ]);
  });

  it('are served by one function each, which is one', async () => {
    await using two = await pair();
    two.serving.serve(add, () => 0);
    const refused = [
      await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => two.serving.serve(add, () => 1)),
      await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => two.serving.serve(whoAmI, 'me' as never)),
      await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => two.serving.serve('add' as never, () => 1)),
    ].map(({ what }) => what);
    expect(refused).toEqual([
      "the method 'add' is served already",
      '`handler` must be a function, not "me"',
      '`served` must be made by method(), not "add"',
    ]);
  });

  it('a method with @OnRequest is refused where a function serves it already', async () => {
    @Peer({ codec, plugins: [requests()] })
    class Twice {
      @OnRequest(add)
      add() {
        return 1;
      }
    }
    await using handle = own(await createPeer(Twice, { config: { transport: memoryTransport() } }));
    expect(
      (await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => handle.node.plugin(requests).serve(add, () => 2)))
        .what,
    ).toBe("the method 'add' is served already");
  });
});
