import { describe, expect, it } from '@jest/globals';
import { noise, noiseHandshake, noiseSession, type NoiseRemote, type NoiseWire } from '@pea2pea/noise';
import { createPeer, Peer } from '@pea2pea/decorators';
import { textCodec, until } from '@pea2pea/testing';
import { ALICE, BOB, MALLORY, party } from './noise-lab.js';

const TWELVE = ['NN', 'NK', 'NX', 'KN', 'KK', 'KX', 'XN', 'XK', 'XX', 'IN', 'IK', 'IX'];
const protocolOf = (pattern: string): string => `Noise_${pattern}_25519_ChaChaPoly_SHA256`;

describe.each(TWELVE)('the identity of a peer with %s', (name) => {
  const pattern = protocolOf(name);
  // The first letter tells how the initiator's key gets to the responder, the second the other way round.
  const [ofInitiator, ofResponder] = name as unknown as [string, string];

  it('is the key that it proved, and none where it proved none, whatever was configured', async () => {
    const asked = new Map<string, NoiseRemote>();
    const authorize = (remote: NoiseRemote): boolean => asked.set(remote.direction, remote).size > 0;
    const isKnown = ofInitiator === 'K' || ofResponder === 'K';
    // Who is on the side that knows no key beforehand has one configured nevertheless, for the other side.
    const known = (letter: string, key: Buffer) => (letter === 'K' ? key : MALLORY.publicKey);
    const keys = (own: typeof ALICE, remote: Buffer) => ({
      staticKey: name === 'NN' ? undefined : own,
      remoteStaticKey: isKnown ? remote : undefined,
    });
    const options = { pattern, authorize };
    await using bob = await party({ ...options, ...keys(BOB, known(ofInitiator, ALICE.publicKey)) });
    await using alice = await party(
      { ...options, ...keys(ALICE, known(ofResponder, BOB.publicKey)) },
      { transport: bob.node.config.transport },
    );
    const there = await alice.node.connect(bob.address);
    await until('bob has the connection', () => bob.opened.length === 1);
    for (const [connection, letter, key] of [
      [there, ofResponder, BOB.publicKey],
      [bob.opened[0]!, ofInitiator, ALICE.publicKey],
    ] as const) {
      const proved = letter === 'N' ? undefined : key;
      const remote = asked.get(connection.direction);
      expect([remote?.staticKey, remote?.identity]).toEqual([proved, proved?.toString('hex') ?? '']);
      expect(connection.context.get(noiseSession)!.remoteStaticKey).toEqual(proved);
      expect(connection.identity).toBe(proved?.toString('hex'));
    }
  });

  it('cannot be told beforehand where the pattern learns it in the handshake, or never', async () => {
    if (ofInitiator !== 'K' && ofResponder !== 'K') {
      for (const remoteStaticKey of [BOB.publicKey, () => BOB.publicKey]) {
        const staticKey = name === 'NN' ? undefined : ALICE;
        @Peer({ codec: textCodec(), plugins: [noise({ pattern, staticKey, remoteStaticKey })] })
        class Mistaken {}
        await expect(createPeer(Mistaken)).rejects.toMatchObject(notUsed(pattern));
      }
    }
    for (const [initiator, letter] of [
      [true, ofResponder],
      [false, ofInitiator],
    ] as const) {
      if (letter === 'K') continue;
      const staticKey = name === 'NN' ? undefined : ALICE;
      const options = { pattern, initiator, staticKey, remoteStaticKey: BOB.publicKey };
      await expect(noiseHandshake(UNTOUCHED, options)).rejects.toMatchObject(notUsed(pattern));
    }
  });
});

it('of XX has the advice to compare it in authorize', async () => {
  const pattern = protocolOf('XX');
  const remoteStaticKey = BOB.publicKey;
  @Peer({ codec: textCodec(), plugins: [noise({ pattern, staticKey: ALICE, remoteStaticKey })] })
  class Mistaken {}
  await expect(createPeer(Mistaken)).rejects.toThrow(
    `\`remoteStaticKey\` is not used by ${pattern}: the peer sends its key in the handshake; compare it in \`authorize\``,
  );
});

it('a function for remoteStaticKey is asked on the side that needs the key, and only there', async () => {
  const pattern = protocolOf('IK');
  const asked: string[] = [];
  const remoteStaticKey = ({ direction }: { readonly direction: string }): Buffer => {
    asked.push(direction);
    return BOB.publicKey;
  };
  await using bob = await party({ pattern, staticKey: BOB, remoteStaticKey });
  await using alice = await party({ pattern, remoteStaticKey }, { transport: bob.node.config.transport });
  await alice.node.connect(bob.address);
  await until('bob has the connection', () => bob.opened.length === 1);
  expect(asked).toEqual(['outbound']);
});

const untouched = (): never => {
  throw new Error('the wire was used');
};
const UNTOUCHED: NoiseWire = { read: untouched, write: untouched };

function notUsed(pattern: string) {
  return {
    code: 'P2P_ERR_INVALID_CONFIG',
    message: expect.stringMatching(`\`remoteStaticKey\` is not used by .*${pattern}`),
  };
}
