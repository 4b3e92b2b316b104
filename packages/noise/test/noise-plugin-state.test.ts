import { expect, it } from '@jest/globals';
import { json } from '@pea2pea/codecs';
import { PeerNode, PLUGIN_STATE } from '@pea2pea/core';
import { noise } from '@pea2pea/noise';
import { ANYWHERE, inMemory, lab } from '@pea2pea/testing';
import { ALICE, BOB, XX } from './noise-lab.js';

const { own } = lab();

it('the state of noise has its protocol and how many connections it has secured, and no key', async () => {
  const network = inMemory();
  const node = (staticKey: typeof ALICE) =>
    own(new PeerNode({ codec: json(), ...network })).use(
      noise({ pattern: XX, staticKey, authorize: () => true }),
    );
  const [alice, bob] = [node(ALICE), node(BOB)];
  await alice.connect(await bob.listen(ANYWHERE));
  const state = alice.plugin(noise)[PLUGIN_STATE]();
  expect(state).toEqual({ protocol: XX, authorizes: true, secured: 1 });
});
