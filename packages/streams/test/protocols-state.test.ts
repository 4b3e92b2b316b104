import { expect, it } from '@jest/globals';
import { json } from '@pea2pea/codecs';
import { definePlugin, PeerNode, PLUGIN_STATE } from '@pea2pea/core';
import { protocol, protocols, withProtocols } from '@pea2pea/streams';
import { ANYWHERE, inMemory, lab, until } from '@pea2pea/testing';

const { own } = lab();

class Gossip {
  static readonly plugin = { name: 'gossip', needs: ['protocols'] };
  constructor(node: PeerNode<unknown>) {
    protocol(node, { name: 'acme/gossip', versions: [1, 2], codec: json(), onMessage: () => {} });
  }
}

it('the state of protocols has each sub-protocol, and how many connections speak it', async () => {
  const network = inMemory();
  const make = () => own(new PeerNode({ codec: withProtocols(json()), ...network })).use(protocols());
  const [speaker, other] = [make().use(definePlugin(Gossip)()), make()];
  const server = make().use(definePlugin(Gossip)());
  const address = await server.listen(ANYWHERE);
  await speaker.connect(address);
  await other.connect(address);
  const state = () => server.plugin(protocols)[PLUGIN_STATE]();
  await until(() => server.connections.size === 2);
  expect(state()).toEqual({
    protocols: {
      total: 1,
      items: [{ name: 'acme/gossip', versions: [1, 2], required: false, connections: 1 }],
    },
  });
  await speaker.close();
  await until(() => server.connections.size === 1);
  expect(state()).toMatchObject({ protocols: { items: [{ connections: 0 }] } });
});
