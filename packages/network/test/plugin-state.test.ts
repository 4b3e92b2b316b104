import { expect, it } from '@jest/globals';
import { PLUGIN_STATE } from '@pea2pea/core';
import { addressBook, connectionManager, peerExchange } from '@pea2pea/network';
import { simulate } from '@pea2pea/testing';
import { apart, begin, networkPeer } from './network-lab.js';

it('the states of the network plugins have the sizes of the book, the slots and what was exchanged, and no secret', async () => {
  const world = simulate({ seed: 5 });
  const server = await begin(world, networkPeer(world.host(apart(1))));
  const client = await begin(
    world,
    networkPeer(world.host(apart(2)), {
      book: { seeds: [server.address, '30.0.0.9:4000'] },
      manager: { outbound: 2, inbound: 5 },
      exchange: { acceptPerMinute: 1, maxPerReply: 1 },
    }),
  );
  await world.run('20 s');
  const state = (node: typeof client.node) => ({
    book: node.plugin(addressBook)[PLUGIN_STATE](),
    manager: node.plugin(connectionManager)[PLUGIN_STATE](),
    exchange: node.plugin(peerExchange)[PLUGIN_STATE](),
  });
  const seen = state(client.node);
  expect(JSON.parse(JSON.stringify(seen))).toEqual(seen);
  expect(JSON.stringify([seen, state(server.node)])).not.toContain('the secret of');
  expect(seen).toMatchObject({
    book: {
      addresses: 2,
      proven: 1,
      told: 1,
      seeds: 2,
      anchors: { total: 1, items: [server.address] },
      saveFailures: 0,
    },
    manager: {
      slots: { outbound: 2, inbound: 5, trusted: 0 },
      ...client.node.plugin(connectionManager).status,
    },
    exchange: { peers: 2, acceptPerMinute: 1, maxPerReply: 1, observedHost: null },
  });
  expect(client.node.plugin(connectionManager).status.outbound).toBe(1);
  await world.drive(Promise.all([client.node.close(), server.node.close()]));
});
