import { describe, expect, it } from '@jest/globals';
import { PeerError } from '@pea2pea/core';
import { createPeer, Peer } from '@pea2pea/decorators';
import {
  generateKeyPair,
  noise,
  type NoiseMessage,
  type NoiseOptions,
  type NoiseRemote,
} from '@pea2pea/noise';
import { textCodec, until } from '@pea2pea/testing';
import { ALICE, BOB, party, shakeHands, XX } from './noise-lab.js';

const IK = 'Noise_IK_25519_ChaChaPoly_SHA256';

describe('options that make no sense', () => {
  const psk = Buffer.alloc(32);
  it.each<[string, Record<string, unknown>]>([
    ['pattern', {}],
    ['pattern', { pattern: 'XX' }],
    ['pattern', { pattern: 'Noise_XX_448_ChaChaPoly_SHA256' }],
    ['staticKey', { pattern: XX }],
    ['staticKey', { pattern: IK }],
    ['staticKey', { pattern: XX, staticKey: Buffer.alloc(32) }],
    ['staticKey', { pattern: XX, staticKey: null }],
    ['staticKey', { pattern: XX, staticKey: ALICE.privateKey.toString('hex') }],
    ['staticKey', { pattern: XX, staticKey: { ...ALICE, privateKey: ALICE.privateKey.toString('hex') } }],
    ['staticKey', { pattern: XX, staticKey: { ...ALICE, publicKey: BOB.publicKey } }],
    ['staticKey', { pattern: 'Noise_NN_25519_ChaChaPoly_SHA256', staticKey: ALICE }],
    ['remoteStaticKey', { pattern: IK, staticKey: ALICE, remoteStaticKey: Buffer.alloc(31) }],
    ['remoteStaticKey', { pattern: IK, staticKey: ALICE, remoteStaticKey: null }],
    ['psk', { pattern: 'Noise_XXpsk3_25519_ChaChaPoly_SHA256', staticKey: ALICE }],
    ['psk', { pattern: 'Noise_XXpsk3_25519_ChaChaPoly_SHA256', staticKey: ALICE, psk: Buffer.alloc(31) }],
    ['psk', { pattern: 'Noise_XXpsk3_25519_ChaChaPoly_SHA256', staticKey: ALICE, psk: [psk, psk] }],
    ['psk', { pattern: XX, staticKey: ALICE, psk }],
    ['psk', { pattern: 'Noise_NNpsk0_25519_ChaChaPoly_SHA256', psk: null }],
    ['psk', { pattern: 'Noise_NNpsk0_25519_ChaChaPoly_SHA256', psk: [null] }],
    ['prologue', { pattern: XX, staticKey: ALICE, prologue: null }],
    ['payload', { pattern: XX, staticKey: ALICE, payload: null }],
    ['authorize', { pattern: XX, staticKey: ALICE, authorize: null }],
    ['prologue', { pattern: XX, staticKey: ALICE, prologue: 'text' }],
    ['payload', { pattern: XX, staticKey: ALICE, payload: 'text' }],
    ['authorize', { pattern: XX, staticKey: ALICE, authorize: true }],
    ['maxPayloadLength', { pattern: XX, staticKey: ALICE, maxPayloadLength: -1 }],
    ['rekeyAfterMessages', { pattern: XX, staticKey: ALICE, rekeyAfterMessages: 0 }],
    ['keyConfirmation', { pattern: XX, staticKey: ALICE, keyConfirmation: 'yes' }],
    ['authorise', { pattern: XX, staticKey: ALICE, authorise: () => true }],
  ])('are refused by name when the peer is made: %s', async (option, options) => {
    @Peer({ codec: textCodec(), plugins: [noise(options as unknown as NoiseOptions)] })
    class Mistaken {}
    const error: unknown = await createPeer(Mistaken).catch((thrown: unknown) => thrown);
    expect(PeerError.is(error, 'P2P_ERR_INVALID_CONFIG') && error.message).toContain(`\`${option}\``);
  });

  it('are refused where a psk is a password, with what to do and without showing it', async () => {
    const psk = 'correct horse battery staple 1234' as unknown as Uint8Array;
    @Peer({ codec: textCodec(), plugins: [noise({ pattern: 'Noise_NNpsk0_25519_ChaChaPoly_SHA256', psk })] })
    class Mistaken {}
    const error = await createPeer(Mistaken).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: 'P2P_ERR_INVALID_CONFIG' });
    const { message } = error as Error;
    expect(message).toContain(
      '`psk` must be a Uint8Array of 32 bytes; derive one from a password with scrypt',
    );
    expect(message).not.toContain('horse');
  });

  it('are refused where there are none', async () => {
    @Peer({ codec: textCodec(), plugins: [(noise as unknown as () => never)()] })
    class Bare {}
    await expect(createPeer(Bare)).rejects.toMatchObject({ code: 'P2P_ERR_INVALID_CONFIG' });
  });
});

describe('payloads', () => {
  it('of bytes go with the last message of each side, and authorize is asked with them', async () => {
    const asked: NoiseRemote[] = [];
    const authorize = (remote: NoiseRemote): boolean => asked.push(remote) > 0;
    await using bob = await party({ staticKey: BOB, payload: Buffer.from('I am bob'), authorize });
    await using alice = await party(
      { payload: Buffer.from('I am alice'), authorize },
      { transport: bob.node.config.transport },
    );
    const connection = await alice.node.connect(bob.address);
    await until('both are asked', () => asked.length === 2);
    const [first, second] = asked;
    expect(first).toMatchObject({
      staticKey: BOB.publicKey,
      identity: BOB.publicKey.toString('hex'),
      direction: 'outbound',
      address: bob.address,
    });
    expect(second).toMatchObject({
      staticKey: ALICE.publicKey,
      identity: ALICE.publicKey.toString('hex'),
      direction: 'inbound',
      address: connection.localAddress,
    });
    expect(asked.map(({ payload }) => String(payload))).toEqual(['I am bob', 'I am alice']);
  });

  it('of bytes do not go with the first message, which everybody can read', async () => {
    const read: string[] = [];
    const onPayload = ({ index, payload }: NoiseMessage & { readonly payload: Buffer }): void =>
      void read.push(`${index} ${String(payload)}`);
    await shakeHands(
      { payload: Buffer.from('alice'), onPayload },
      { payload: Buffer.from('bob'), onPayload },
    );
    expect(read).toEqual(['0 ', '1 bob', '2 alice']);
  });

  it('of a function are asked for with each message, and may depend on where the handshake stands', async () => {
    const told: unknown[] = [];
    const payload = async ({ index, isLast, state }: NoiseMessage): Promise<Buffer | undefined> => {
      await Promise.resolve();
      return isLast
        ? Buffer.from(`${index} ${state.remoteStaticKey?.toString('hex').slice(0, 4)}`)
        : undefined;
    };
    const onPayload = (message: NoiseMessage & { readonly payload: Buffer }): void => {
      told.push([message.index, message.isLast, String(message.payload)]);
    };
    const { channels } = await shakeHands({ payload, onPayload }, { payload, onPayload });
    const bob = BOB.publicKey.toString('hex').slice(0, 4);
    expect(told).toEqual([
      [0, false, ''],
      [1, true, '1 undefined'],
      [2, true, `2 ${bob}`],
    ]);
    expect(channels.map(({ session }) => String(session.remotePayload))).toEqual(['1 undefined', `2 ${bob}`]);
    expect(channels[0].session.handshakeHash).toEqual(channels[1].session.handshakeHash);
  });

  it.each([['text'], [null], [7], [{}]])(
    'of a function that answers %j refuse the peer, naming the option',
    async (answer) => {
      await using bob = await party({ staticKey: BOB });
      await using alice = await party(
        { payload: () => answer as unknown as Uint8Array },
        { transport: bob.node.config.transport },
      );
      const error = await alice.node.connect(bob.address).catch((thrown: Error) => thrown);
      expect(error).toMatchObject({
        code: 'P2P_ERR_INVALID_CONFIG',
        message: expect.stringContaining('`payload` must be bytes'),
      });
      expect((error as Error).message).not.toContain('"text"'); // it may be a secret
    },
  );

  it('are refused by a function that throws', async () => {
    const refusal = new Error('not signed');
    const onPayload = (): never => {
      throw refusal;
    };
    await expect(shakeHands({ onPayload })).rejects.toBe(refusal);
  });
});

describe('the first transport message of a pattern of two', () => {
  it('may carry something: it reaches the stream', async () => {
    const pattern = IK;
    // Over memory what is sent at once arrives with the handshake.
    await using bob = await party({ staticKey: BOB, pattern });
    await using alice = await party(
      { pattern, remoteStaticKey: BOB.publicKey, keyConfirmation: false },
      { transport: bob.node.config.transport },
    );
    const connection = await alice.node.connect(bob.address);
    expect(bob.opened).toHaveLength(0);
    await connection.send('early');
    await until('it is heard', () => bob.messages.length === 1);
    expect(bob.messages).toEqual(['early']);
  });
});

it('generateKeyPair makes another one each time', () => {
  const [a, b] = [generateKeyPair(), generateKeyPair()];
  expect([a.publicKey.length, a.privateKey.length]).toEqual([32, 32]);
  expect(a.publicKey.equals(b.publicKey)).toBe(false);
});
