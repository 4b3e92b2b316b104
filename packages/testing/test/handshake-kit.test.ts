import { describe, expect, it } from '@jest/globals';
import { PeerError, type Handshake, type Hooks } from '@pea2pea/core';
import { generateKeyPair, noise } from '@pea2pea/noise';
import { checkHandshake, describeHandshake } from '@pea2pea/testing';

const runner = { describe, it };
const HELLO = Buffer.from('hello, I am a peer of yours');

/** Both say the same words. */
function greeting(read: (handshake: Handshake) => Promise<boolean>): Hooks<string> {
  return {
    async onHandshake(handshake) {
      await handshake.write(HELLO);
      if (!(await read(handshake))) throw new PeerError('P2P_ERR_HANDSHAKE_REJECTED', 'a stranger');
    },
  };
}

const sound = greeting(async (handshake) => HELLO.equals(await handshake.read(HELLO.length)));
const both = (hooks: Hooks<string>) => () => ({ dialler: hooks, listener: hooks });

describeHandshake('a greeting', both(sound), { runner });

describeHandshake(
  'noise',
  () => {
    const pattern = 'Noise_XX_25519_ChaChaPoly_SHA256';
    const make = () => noise({ pattern, staticKey: generateKeyPair(), authorize: () => true });
    return { dialler: make(), listener: make() };
  },
  { runner },
);

describe('the kit finds a handshake', () => {
  const factsOf = async (hooks: Hooks<string>): Promise<readonly string[]> =>
    (await checkHandshake(both(hooks))).map(({ fact }) => fact);

  it('that takes anybody', async () => {
    const taking = greeting(async (handshake) => (await handshake.read(HELLO.length)).length > 0);
    expect(await factsOf(taking)).toEqual(['noise']);
  });

  it('that throws what is not a PeerError when strangers come', async () => {
    const throwing = greeting(async (handshake) => {
      if (!HELLO.equals(await handshake.read(HELLO.length))) throw new TypeError('what is that?');
      return true;
    });
    expect(await factsOf(throwing)).toContain('peer-errors');
  });
});
