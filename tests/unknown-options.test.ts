import { describe, expect, it } from '@jest/globals';
import { lines } from '@pea2pea/codecs';
import { createApp, createPeer, Peer } from '@pea2pea/decorators';
import { ANYWHERE, inMemory, join, lab, silentLogger } from '@pea2pea/testing';

const { makeNode, own } = lab();

const REFUSED = expect.objectContaining({
  code: 'P2P_ERR_INVALID_CONFIG',
  message: expect.stringContaining('have no `singal`'),
});

/** What `call` throws, or what its promise rejects with. */
async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

const options = { singal: AbortSignal.timeout(10) } as never;

describe('an option that nobody knows', () => {
  it('is refused by each call that has options, before anything is done', async () => {
    const network = inMemory();
    const a = makeNode(network, { onMessage: undefined as never });
    const b = makeNode(network);
    const [here] = await join(a, b);
    const calls: Record<string, () => unknown> = {
      connect: () => a.node.connect('10.0.0.1:80', options),
      listen: () => a.node.listen(options),
      close: () => a.node.close(options),
      broadcast: () => a.node.broadcast('hello', options),
      send: () => here.send('hello', options),
      next: () => here.next(options),
    };
    for (const [name, call] of Object.entries(calls))
      expect([name, await errorOf(call)]).toEqual([name, REFUSED]);
    expect([here.state, here.stats.messagesSent, a.node.state, b.messages]).toEqual(['open', 0, 'open', []]);
  });

  it('is refused also in place of an object, and an option that is undefined is none', async () => {
    const network = inMemory();
    const [here] = await join(makeNode(network), makeNode(network));
    for (const wrong of [null, 5, 'signal', [], () => {}]) {
      expect(await errorOf(() => here.send('hello', wrong as never))).toMatchObject({
        code: 'P2P_ERR_INVALID_CONFIG',
      });
    }
    await here.send('hello', { signal: undefined as never });
    await here.send('hello', {});
    await here.send('hello', undefined);
  });

  it('is refused by the close() of handles, and all stays up', async () => {
    @Peer({ codec: lines() })
    class Chat {}
    const config = { ...inMemory(), logger: silentLogger };
    const handle = own(await createPeer(Chat, { config, listen: ANYWHERE }));
    const app = own(await createApp({ peers: [{ peer: Chat, config, listen: ANYWHERE }] }));
    for (const one of [handle, app]) expect(await errorOf(() => one.close(options))).toEqual(REFUSED);
    expect([handle.node.state, app.peer(Chat).node.state]).toEqual(['open', 'open']);
  });
});
