import { describe, expect, it } from '@jest/globals';
import { memoryTransport, tcpTransport } from '@pea2pea/core';
import { noiseSession } from '@pea2pea/noise';
import { until } from '@pea2pea/testing';
import { ALICE, BOB, party } from './noise-lab.js';

const TRANSPORTS = [
  ['memory', memoryTransport],
  ['TCP', tcpTransport],
] as const;

describe.each(TRANSPORTS)('noise over %s', (_, makeTransport) => {
  it.each([
    'Noise_NN_25519_ChaChaPoly_SHA256',
    'Noise_XX_25519_ChaChaPoly_SHA256',
    'Noise_XX_25519_AESGCM_BLAKE2s',
    'Noise_IK_25519_ChaChaPoly_BLAKE2b',
    'Noise_XXpsk3_25519_AESGCM_SHA512',
    'Noise_KK_25519_ChaChaPoly_SHA256',
  ])('%s carries messages both ways', async (pattern) => {
    const transport = makeTransport();
    const shared = { pattern, ...(pattern.includes('psk') && { psk: Buffer.alloc(32, 7) }) };
    const isAnonymous = pattern.includes('_NN_');
    const isKnown = pattern.includes('K_');
    const keys = (own: typeof ALICE, other: typeof ALICE) => ({
      staticKey: isAnonymous ? undefined : own,
      remoteStaticKey: isKnown ? other.publicKey : undefined,
    });
    await using alice = await party({ ...shared, ...keys(ALICE, BOB) }, { transport });
    await using bob = await party({ ...shared, ...keys(BOB, ALICE) }, { transport });
    const there = await alice.node.connect(bob.address);
    await until('bob has the connection', () => bob.opened.length === 1);
    const back = bob.opened[0]!;
    await there.send('hello');
    await back.send('answer '.repeat(20_000));
    await until('both arrived', () => alice.messages.length === 1 && bob.messages.length === 1);
    expect(bob.messages).toEqual(['hello']);
    expect(alice.messages[0]).toHaveLength(140_000);
    const [here, other] = [there.context.get(noiseSession)!, back.context.get(noiseSession)!];
    expect(here.handshakeHash).toEqual(other.handshakeHash);
    expect([here.pattern, other.pattern]).toEqual([pattern, pattern]);
    expect([there.identity, back.identity]).toEqual(
      isAnonymous ? [undefined, undefined] : [BOB, ALICE].map(({ publicKey }) => publicKey.toString('hex')),
    );
    await there.disconnect();
    await until('the end passed through', () => bob.reasons.length === 1);
    expect(bob.reasons[0]).toEqual({ origin: 'reading', cause: 'ended' });
    expect([...alice.warnings, ...bob.warnings]).toEqual([]);
  });
});
