import { describe, expect, it } from '@jest/globals';
import { ConnectionContext, expectedIdentity } from '@pea2pea/core';
import { until } from '@pea2pea/testing';
import { ALICE, BOB, MALLORY, party } from './noise-lab.js';

const protocolOf = (pattern: string): string => `Noise_${pattern}_25519_ChaChaPoly_SHA256`;
const hex = ({ publicKey }: { readonly publicKey: Buffer }): string => publicKey.toString('hex');
const expecting = (identity: unknown): { readonly context: ConnectionContext } => ({
  context: new ConnectionContext().with(expectedIdentity, identity as string),
});

describe.each(['IK', 'NK', 'XK', 'KK'])('a dial with %s', (name) => {
  const pattern = protocolOf(name);
  const known = name === 'KK' ? ALICE.publicKey : undefined;

  it('has the key of the peer from its context, another for each peer', async () => {
    await using bob = await party({ pattern, staticKey: BOB, remoteStaticKey: known });
    const { transport } = bob.node.config;
    await using mallory = await party({ pattern, staticKey: MALLORY, remoteStaticKey: known }, { transport });
    await using alice = await party({ pattern }, { transport });
    for (const [peer, key] of [
      [bob, hex(BOB)],
      [mallory, hex(MALLORY)],
    ] as const) {
      const connection = await alice.node.connect(peer.address, expecting(key));
      await connection.send('hello');
      await until('it arrived', () => peer.messages.length === 1);
      expect(connection.identity).toBe(key);
    }
  });

  it('takes it rather than the key in the options', async () => {
    await using bob = await party({ pattern, staticKey: BOB, remoteStaticKey: known });
    const { transport } = bob.node.config;
    await using alice = await party({ pattern, remoteStaticKey: MALLORY.publicKey }, { transport });
    expect((await alice.node.connect(bob.address, expecting(hex(BOB)))).identity).toBe(hex(BOB));
  });

  it('is refused without a key, or with one that cannot be one, before anything is sent', async () => {
    await using bob = await party({ pattern, staticKey: BOB, remoteStaticKey: known });
    await using alice = await party({ pattern }, { transport: bob.node.config.transport });
    await expect(alice.node.connect(bob.address)).rejects.toMatchObject({
      code: 'P2P_ERR_INVALID_CONFIG',
      message: expect.stringContaining('a dial may name it with `expectedIdentity`'),
    });
    for (const identity of [undefined, '', hex(BOB).toUpperCase(), hex(BOB).slice(2), BOB.publicKey]) {
      await expect(alice.node.connect(bob.address, expecting(identity))).rejects.toMatchObject({
        code: 'P2P_ERR_INVALID_CONFIG',
        message: expect.stringContaining('`expectedIdentity` must be a public key'),
      });
    }
  });
});

describe.each(['XX', 'NX', 'IX'])('a dial with %s, in which the peer tells its key', (name) => {
  const pattern = protocolOf(name);

  it('takes the peer that it expects', async () => {
    await using bob = await party({ pattern, staticKey: BOB });
    await using alice = await party({ pattern }, { transport: bob.node.config.transport });
    expect((await alice.node.connect(bob.address, expecting(hex(BOB)))).identity).toBe(hex(BOB));
  });

  it('refuses another one before it is told anything more', async () => {
    let told = 0;
    await using bob = await party({ pattern, staticKey: BOB, authorize: () => ++told > 0 });
    let asked = 0;
    await using alice = await party(
      { pattern, authorize: () => ++asked > 0 },
      { transport: bob.node.config.transport },
    );
    await expect(alice.node.connect(bob.address, expecting(hex(MALLORY)))).rejects.toMatchObject({
      code: 'P2P_ERR_WRONG_IDENTITY',
      what: `the peer is ${hex(BOB)}, and the dial expects ${hex(MALLORY)}`,
    });
    await until('bob knows', () => bob.node.heuristics.handshakeFailures === 1);
    expect([asked, bob.opened.length]).toEqual([0, 0]);
    if (name === 'XX') expect(told).toBe(0);
  });
});

it.each(['XX', 'IK'])('what a dial over %s expects has to be a key, in lower case', async (name) => {
  const pattern = protocolOf(name);
  await using bob = await party({ pattern, staticKey: BOB });
  await using alice = await party({ pattern }, { transport: bob.node.config.transport });
  for (const expected of [hex(BOB).toUpperCase(), '', 'bob', BOB.publicKey as never]) {
    await expect(alice.node.connect(bob.address, expecting(expected))).rejects.toMatchObject({
      code: 'P2P_ERR_INVALID_CONFIG',
    });
  }
});

it('a dial that expects somebody is refused by NN, in which nobody proves anything', async () => {
  const pattern = protocolOf('NN');
  await using bob = await party({ pattern, staticKey: undefined });
  await using alice = await party(
    { pattern, staticKey: undefined },
    { transport: bob.node.config.transport },
  );
  await expect(alice.node.connect(bob.address, expecting(hex(BOB)))).rejects.toMatchObject({
    code: 'P2P_ERR_WRONG_IDENTITY',
  });
});
