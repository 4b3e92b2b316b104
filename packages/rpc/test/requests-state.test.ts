import { describe, expect, it } from '@jest/globals';
import { PLUGIN_STATE } from '@pea2pea/core';
import { Peer } from '@pea2pea/decorators';
import { method, requests } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { never, until } from '@pea2pea/testing';
import { byHand, codec, connected } from './requests-lab.js';

const slow = method<void, void>('slow');

@Peer({ codec, plugins: [requests({ maxConcurrent: 1 })] })
class Slow {
  @OnRequest(slow)
  slow(): Promise<void> {
    return never();
  }
}

describe('the state of requests', () => {
  it('has what is under way by method, in both directions, and the counters', async () => {
    await using pair = await connected(Slow);
    void pair.requests.call(pair.connection, slow).catch(() => {});
    void pair.requests.call(pair.connection, slow).catch(() => {});
    const plugin = pair.server.node.plugin(requests);
    await until(() => plugin.waiting === 1);
    const state = plugin[PLUGIN_STATE]();
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
    expect(state).toEqual({
      running: 1,
      waiting: 1,
      pending: 0,
      methods: 1,
      underWay: { total: 1, items: [{ method: 'slow', served: 2, called: 0 }] },
      served: 1,
      refused: 0,
      unsentResponses: 0,
      lateResponses: 0,
      unknownResponses: 0,
    });
    expect(pair.requests[PLUGIN_STATE]()).toMatchObject({
      pending: 2,
      underWay: { total: 1, items: [{ method: 'slow', served: 0, called: 2 }] },
    });
  });

  it('does not show the names that peers make up', async () => {
    await using hand = await byHand(Slow);
    await hand.send(
      { jsonrpc: '2.0', id: 1, method: 'slow' },
      { jsonrpc: '2.0', id: 2, method: 'made-up-1' },
      { jsonrpc: '2.0', id: 3, method: 'made-up-2' },
    );
    await until(() => hand.requests.running === 1);
    hand.requests.call(hand.back, slow).catch(() => {}); // so that it reads on, and the others wait
    await until(() => hand.requests.waiting + hand.requests.counters.refused >= 1);
    expect(JSON.stringify(hand.requests[PLUGIN_STATE]())).not.toContain('made-up');
  });
});
