import { createCipheriv } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { PeerError } from '@pea2pea/core';
import { CipherState } from '../src/cipher-state.js';
import { dh, generateKeyPair, publicKeyOf } from '../src/dh.js';
import { HandshakeState } from '../src/handshake-state.js';
import { patternOf } from '../src/patterns.js';
import { parseProtocolName } from '../src/protocol.js';

const NOTHING = Buffer.alloc(0);
const KEY = Buffer.alloc(32, 9);

function cipherState(cipher: 'ChaChaPoly' | 'AESGCM' = 'ChaChaPoly', nonce?: bigint): CipherState {
  const state = new CipherState(cipher);
  state.initializeKey(KEY);
  if (nonce !== undefined) state.setNonce(nonce);
  return state;
}

/** What the specification says that a ciphertext is, put together by hand. */
function encrypted(algorithm: string, key: Buffer, nonce: bigint, plaintext: Buffer): Buffer {
  const iv = Buffer.alloc(12);
  if (algorithm === 'aes-256-gcm') iv.writeBigUInt64BE(nonce, 4);
  else iv.writeBigUInt64LE(nonce, 4);
  const cipher = createCipheriv(algorithm as 'aes-256-gcm', key, iv, { authTagLength: 16 });
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

describe.each([
  ['ChaChaPoly', 'chacha20-poly1305'],
  ['AESGCM', 'aes-256-gcm'],
] as const)('a CipherState of %s', (cipher, algorithm) => {
  it.each([0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 2n])(
    'uses the nonce %d exactly, and goes on with the next',
    (nonce) => {
      const state = cipherState(cipher, nonce);
      const plaintext = Buffer.from('a message');
      const sealed = state.encryptWithAd(NOTHING, plaintext);
      expect(sealed).toEqual(encrypted(algorithm, KEY, nonce, plaintext));
      expect(state.nonce).toBe(nonce + 1n);
      expect(cipherState(cipher, nonce).decryptWithAd(NOTHING, sealed)).toEqual(plaintext);
    },
  );

  it('never uses the nonce 2^64-1, which is for rekeying alone', () => {
    const state = cipherState(cipher, 2n ** 64n - 2n);
    const last = state.encryptWithAd(NOTHING, NOTHING);
    const exhausted = expect.objectContaining({ code: 'P2P_ERR_NONCE_EXHAUSTED' });
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(() => state.encryptWithAd(NOTHING, NOTHING)).toThrow(exhausted);
      expect(() => state.decryptWithAd(NOTHING, last)).toThrow(exhausted);
      expect(state.nonce).toBe(2n ** 64n - 1n);
    }
  });

  it('gets a new key by encrypting zeros with it, and keeps its nonce', () => {
    const state = cipherState(cipher, 5n);
    state.rekey();
    expect(state.nonce).toBe(5n);
    const next = encrypted(algorithm, KEY, 2n ** 64n - 1n, Buffer.alloc(32)).subarray(0, 32);
    expect(state.encryptWithAd(NOTHING, KEY)).toEqual(encrypted(algorithm, next, 5n, KEY));
  });

  it('does not count a message that does not authenticate', () => {
    const [sender, receiver] = [cipherState(cipher), cipherState(cipher)];
    const sealed = sender.encryptWithAd(Buffer.from('ad'), Buffer.from('whole'));
    const forged = Buffer.from(sealed);
    forged[0]! ^= 1;
    const refused = expect.objectContaining({ code: 'P2P_ERR_INVALID_FRAME' });
    expect(() => receiver.decryptWithAd(Buffer.from('ad'), forged)).toThrow(refused);
    expect(() => receiver.decryptWithAd(Buffer.from('da'), sealed)).toThrow(refused);
    expect(() => receiver.decryptWithAd(Buffer.from('ad'), sealed.subarray(0, 15))).toThrow(refused);
    expect(receiver.nonce).toBe(0n);
    expect(String(receiver.decryptWithAd(Buffer.from('ad'), sealed))).toBe('whole');
  });

  it('takes and gives messages in parts', () => {
    const [sender, receiver] = [cipherState(cipher), cipherState(cipher)];
    const sealed = sender.seal(['ab', '', 'cde'].map((text) => Buffer.from(text)));
    const whole = Buffer.concat(sealed);
    expect(whole).toEqual(encrypted(algorithm, KEY, 0n, Buffer.from('abcde')));
    const opened = receiver.open([whole.subarray(0, 1), whole.subarray(1, 5)], whole.subarray(5));
    expect(String(Buffer.concat(opened))).toBe('abcde');
  });
});

describe('Curve25519', () => {
  it('agrees on the same secret from both sides, and finds public keys from private ones', () => {
    const [a, b] = [generateKeyPair(), generateKeyPair()];
    expect(dh(a, b.publicKey)).toEqual(dh(b, a.publicKey));
    expect(publicKeyOf(a.privateKey)).toEqual(a.publicKey);
    expect(() => publicKeyOf(a.privateKey.subarray(1))).toThrow(RangeError);
  });

  it.each([
    ['zero', '00'.repeat(32)],
    ['one', `01${'00'.repeat(31)}`],
    ['of order 8', 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'],
    ['p', `edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f`],
  ])('refuses a public key whose results are all zeros: %s', (_, hex) => {
    expect(() => dh(generateKeyPair(), Buffer.from(hex, 'hex'))).toThrow(
      expect.objectContaining({ code: 'P2P_ERR_INVALID_FRAME' }),
    );
  });
});

describe('protocol names', () => {
  it.each([
    ['XX', 'a name such as'],
    [undefined, 'a name such as'],
    ['Noise_XX_25519_ChaChaPoly', 'a name such as'],
    ['Noise_ZZ_25519_ChaChaPoly_SHA256', '"ZZ"'],
    ['Noise_XXpsk4_25519_ChaChaPoly_SHA256', '"XXpsk4"'],
    ['Noise_XXpsk3+psk3_25519_ChaChaPoly_SHA256', '"XXpsk3+psk3"'],
    ['Noise_toString_25519_ChaChaPoly_SHA256', '"toString"'],
    ['Noise_XX_448_ChaChaPoly_SHA256', '"448" is unknown; supported: 25519'],
    ['Noise_XX_25519_AESCCM_SHA256', '"AESCCM" is unknown; supported: ChaChaPoly, AESGCM'],
    ['Noise_XX_25519_ChaChaPoly_MD5', '"MD5" is unknown; supported: SHA256, SHA512, BLAKE2s, BLAKE2b'],
  ])('%s is refused, with what there is to choose from', (name, what) => {
    expect(() => parseProtocolName(name)).toThrow(
      expect.objectContaining({ code: 'P2P_ERR_INVALID_CONFIG', message: expect.stringContaining(what) }),
    );
  });

  it('place psk tokens where their modifiers say', () => {
    expect(patternOf('XXpsk0+psk3')).toEqual({
      initiatorPreMessage: false,
      responderPreMessage: false,
      messages: [
        ['psk', 'e'],
        ['e', 'ee', 's', 'es'],
        ['s', 'se', 'psk'],
      ],
    });
    expect(patternOf('KK')).toEqual({
      initiatorPreMessage: true,
      responderPreMessage: true,
      messages: [
        ['e', 'es', 'ss'],
        ['e', 'ee', 'se'],
      ],
    });
  });
});

const TWELVE = ['NN', 'NK', 'NX', 'KN', 'KK', 'KX', 'XN', 'XK', 'XX', 'IN', 'IK', 'IX'];

describe.each(TWELVE)('a HandshakeState of %s', (name) => {
  const protocol = parseProtocolName(`Noise_${name}_25519_ChaChaPoly_SHA256`);
  // The first letter tells how the initiator's key gets to the responder, the second the other way round.
  const [ofInitiator, ofResponder] = name;

  it.each([true, false])(
    'knows no key but a pre-message and what it received; initiator: %s',
    (initiator) => {
      const [s, peer, given] = [generateKeyPair(), generateKeyPair(), generateKeyPair()];
      const letter = initiator ? ofResponder : ofInitiator;
      const ours = new HandshakeState({
        protocol,
        initiator,
        staticKey: s,
        remoteStaticKey: letter === 'K' ? peer.publicKey : given.publicKey,
      });
      expect(ours.remoteStaticKey).toEqual(letter === 'K' ? peer.publicKey : undefined);
      const theirs = new HandshakeState({
        protocol,
        initiator: !initiator,
        staticKey: peer,
        remoteStaticKey: s.publicKey,
      });
      const [first, second] = initiator ? [ours, theirs] : [theirs, ours];
      for (let index = 0; !ours.isComplete; index++) {
        const [from, to] = index % 2 === 0 ? [first, second] : [second, first];
        to.readMessage(from.writeMessage(NOTHING));
      }
      expect(ours.remoteStaticKey).toEqual(letter === 'N' ? undefined : peer.publicKey);
    },
  );
});

describe('a HandshakeState', () => {
  const protocol = parseProtocolName('Noise_NN_25519_ChaChaPoly_SHA256');

  it('refuses a message of 65 536 bytes, to write as to send', () => {
    const state = new HandshakeState({ protocol, initiator: true });
    expect(state.overhead).toBe(32);
    const tooMuch = Buffer.alloc(65_536 - 32);
    expect(() => state.writeMessage(tooMuch)).toThrow(
      expect.objectContaining({ code: 'P2P_ERR_FRAME_TOO_LARGE' }),
    );
    expect(state.writeMessage(tooMuch.subarray(1))).toHaveLength(65_535);
  });

  it('refuses a message that is too short for its keys', () => {
    const state = new HandshakeState({ protocol, initiator: false });
    for (const length of [0, 1, 31]) {
      expect(() => state.readMessage(Buffer.alloc(length, 1))).toThrow(PeerError);
    }
    expect(state.readMessage(Buffer.alloc(32, 1))).toEqual(NOTHING);
  });
});
