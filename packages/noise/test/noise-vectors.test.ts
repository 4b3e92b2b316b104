import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { publicKeyOf, type NoiseKeyPair } from '../src/dh.js';
import { HandshakeState } from '../src/handshake-state.js';
import { parseProtocolName } from '../src/protocol.js';

/** A vector as published, in hexadecimal; messages are `[payload, ciphertext]`. */
interface Vector {
  readonly protocol_name: string;
  readonly init_prologue: string;
  readonly init_ephemeral: string;
  readonly init_static?: string;
  readonly init_remote_static?: string;
  readonly init_psks?: readonly string[];
  readonly resp_prologue: string;
  readonly resp_ephemeral: string;
  readonly resp_static?: string;
  readonly resp_remote_static?: string;
  readonly resp_psks?: readonly string[];
  readonly handshake_hash?: string;
  readonly messages: readonly (readonly [payload: string, ciphertext: string])[];
}

function vectorsOf(name: string): Vector[] {
  const file = new URL(`./vectors/${name}.json`, import.meta.url);
  const { common, vectors } = JSON.parse(readFileSync(file, 'utf8')) as { common: object; vectors: object[] };
  return vectors.map((vector) => ({ ...common, ...vector }) as Vector);
}

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

function keyPair(privateKey: string): NoiseKeyPair {
  return { privateKey: bytes(privateKey), publicKey: publicKeyOf(bytes(privateKey)) };
}

/** Both sides, as a vector has them. */
function sidesOf(vector: Vector): { initiator: HandshakeState; responder: HandshakeState } {
  const side = (initiator: boolean): HandshakeState => {
    const who = initiator ? 'init' : 'resp';
    const staticKey = vector[`${who}_static`];
    const remoteStaticKey = vector[`${who}_remote_static`];
    return new HandshakeState({
      protocol: parseProtocolName(vector.protocol_name),
      initiator,
      prologue: bytes(vector[`${who}_prologue`]),
      ephemeralKey: keyPair(vector[`${who}_ephemeral`]),
      ...(staticKey !== undefined && { staticKey: keyPair(staticKey) }),
      ...(remoteStaticKey !== undefined && { remoteStaticKey: bytes(remoteStaticKey) }),
      psks: vector[`${who}_psks`]?.map(bytes),
    });
  };
  return { initiator: side(true), responder: side(false) };
}

/** Runs a vector through; answers what both sides made of it. */
function run(vector: Vector) {
  const { initiator, responder } = sidesOf(vector);
  const sent: string[] = [];
  const received: string[] = [];
  const messages = vector.messages.map(([payload]) => bytes(payload));
  const overheads: number[] = [];
  let index = 0;
  for (; !initiator.isComplete; index++) {
    const [writer, reader] = initiator.isOurTurn ? [initiator, responder] : [responder, initiator];
    overheads.push(writer.overhead, reader.overhead);
    const message = writer.writeMessage(messages[index]!);
    overheads.push(message.length - messages[index]!.length);
    sent.push(message.toString('hex'));
    received.push(reader.readMessage(message).toString('hex'));
  }
  const [left, right] = [initiator.split(), responder.split()];
  for (; index < messages.length; index++) {
    const [sending, receiving] =
      index % 2 === 0 ? [left.sending, right.receiving] : [right.sending, left.receiving];
    const message = sending.encryptWithAd(Buffer.alloc(0), messages[index]!);
    sent.push(message.toString('hex'));
    received.push(receiving.decryptWithAd(Buffer.alloc(0), message).toString('hex'));
  }
  return { initiator, responder, sent, received, overheads };
}

// Nothing in here knows of decorators: once is enough.
describe.each([
  ['cacophony', 240],
  ['snow', 200],
])('the published vectors of %s', (name, count) => {
  const vectors = vectorsOf(name);

  it('are all here: each has messages of the handshake and behind it', () => {
    expect(vectors).toHaveLength(count);
    expect(vectors.every(({ messages }) => messages.length >= 4)).toBe(true);
  });

  it.each(vectors.map((vector) => [vector.protocol_name, vector] as const))('%s', (_, vector) => {
    const { initiator, responder, sent, received, overheads } = run(vector);
    expect(sent).toEqual(vector.messages.map(([, ciphertext]) => ciphertext));
    expect(received).toEqual(vector.messages.map(([payload]) => payload));
    expect(initiator.handshakeHash).toEqual(responder.handshakeHash);
    if (vector.handshake_hash !== undefined) {
      expect(initiator.handshakeHash.toString('hex')).toBe(vector.handshake_hash);
    }
    for (let at = 0; at < overheads.length; at += 3) {
      expect(overheads.slice(at, at + 2)).toEqual([overheads[at + 2], overheads[at + 2]]);
    }
    if (responder.localStaticKey !== undefined) {
      expect(initiator.remoteStaticKey).toEqual(responder.localStaticKey);
    }
    if (initiator.localStaticKey !== undefined) {
      expect(responder.remoteStaticKey).toEqual(initiator.localStaticKey);
    }
  });
});
