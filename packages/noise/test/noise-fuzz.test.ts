import type { Duplex } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { PeerError } from '@pea2pea/core';
import { seededRandom } from '@pea2pea/core/testing';
import { noiseHandshake, type NoiseHandshakeOptions } from '@pea2pea/noise';
import { soon } from '@pea2pea/testing';
import { duplexPair } from './duplex-pair.js';
import { ALICE, BOB, wireOf } from './noise-lab.js';
import { cipherPair, openReader, sealAll } from './noise-wire.js';

const TEXTS = ['', 'one', 'two '.repeat(50), 'three', 'four '.repeat(500), 'five'];
const SEALED = sealAll(TEXTS, cipherPair()[1]);

/** Follows from `seed` alone: what an attacker in the middle made of the messages, or of their bytes. */
function mutated(seed: number): { wire: Buffer; chunks: Buffer[] } {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random.next() * limit);
  const messages = [...SEALED];
  const pick = (): number => below(messages.length);
  switch (below(10)) {
    case 0: // replayed
      messages.splice(pick(), 0, messages[pick()]!);
      break;
    case 1: // left out
      messages.splice(pick(), 1);
      break;
    case 2: // reordered
      messages.splice(pick(), 0, ...messages.splice(pick(), 1));
      break;
    case 3: {
      // with the tag of another
      const at = pick();
      messages[at] = Buffer.concat([messages[at]!.subarray(0, -16), messages[pick()]!.subarray(-16)]);
      break;
    }
  }
  let wire = Buffer.from(Buffer.concat(messages));
  for (let damages = below(4); damages > 0; damages--) {
    const at = below(wire.length);
    const count = 1 + below(20);
    switch (below(5)) {
      case 0: // a bit
        wire[at]! ^= 1 << below(8);
        break;
      case 1: // bytes that are gone
        wire = Buffer.concat([wire.subarray(0, at), wire.subarray(at + count)]);
        break;
      case 2: // bytes that are new
        wire = Buffer.concat([
          wire.subarray(0, at),
          Buffer.from(Array.from({ length: count }, () => below(256))),
          wire.subarray(at),
        ]);
        break;
      case 3: // cut
        wire = wire.subarray(0, at);
        break;
      case 4: {
        // a length
        const start = SEALED.slice(0, below(SEALED.length)).reduce((sum, { length }) => sum + length, 0);
        if (start + 2 <= wire.length) wire.writeUInt16BE(below(2) === 0 ? below(40) : below(65_536), start);
        break;
      }
    }
    if (wire.length === 0) break;
  }
  const chunks: Buffer[] = [];
  for (let at = 0; at < wire.length;) {
    const size = 1 + (below(3) === 0 ? below(4) : below(2_000));
    chunks.push(wire.subarray(at, at + size));
    at += size;
  }
  return { wire, chunks };
}

/** How many messages are whole and in their place at the beginning of `wire`, and how many bytes they are. */
function intact(wire: Buffer): { count: number; length: number } {
  let [count, length] = [0, 0];
  for (const message of SEALED) {
    if (!wire.subarray(length, length + message.length).equals(message)) break;
    count++;
    length += message.length;
  }
  return { count, length };
}

describe('10 000 mutations of transport messages', () => {
  it.each(Array.from({ length: 10 }, (_, block) => block * 1_000))(
    'end in nothing but a frame error, behind the plaintext that came before: seeds from %d',
    async (first) => {
      const seen = new Set<string>();
      for (let seed = first; seed < first + 1_000; seed++) {
        const { wire, chunks } = mutated(seed);
        const { reader } = openReader([]);
        for (const chunk of chunks) if (!reader.raw.destroyed) reader.raw.write(chunk);
        reader.raw.end();
        await soon(`the end of seed ${seed}`, reader.closed);
        const { count, length } = intact(wire);
        const expected = {
          plaintext: TEXTS.slice(0, count).join(''),
          outcome: length === wire.length ? 'ended' : 'refused',
        };
        const { error } = reader;
        const isFrameError =
          PeerError.is(error, 'P2P_ERR_INVALID_FRAME') || PeerError.is(error, 'P2P_ERR_TRUNCATED_FRAME');
        const outcome = reader.ended && error === undefined ? 'ended' : isFrameError ? 'refused' : error;
        const actual = { plaintext: String(reader.plaintext()), outcome };
        if (JSON.stringify(actual) !== JSON.stringify(expected))
          expect({ seed, ...actual }).toEqual(expected);
        seen.add(isFrameError ? error.code : 'ended');
      }
      expect([...seen].sort()).toEqual(['P2P_ERR_INVALID_FRAME', 'P2P_ERR_TRUNCATED_FRAME', 'ended']);
    },
  );
});

/** A handshake through somebody who changes a bit of one message. Who finds out hangs up. */
async function meddle(pattern: string, seed: number): Promise<PromiseSettledResult<unknown>[]> {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random.next() * limit);
  const [left, leftMiddle] = duplexPair();
  const [right, rightMiddle] = duplexPair();
  let untilTarget = below(pattern.includes('XX') ? 3 : 2);
  const passOn = (message: Buffer, to: Duplex): void => {
    const copy = Buffer.from(message);
    // Behind the length: a changed one would be waited for until a deadline.
    if (untilTarget-- === 0) copy[2 + below(copy.length - 2)]! ^= 1 << below(8);
    to.write(copy);
  };
  leftMiddle.on('data', (message: Buffer) => passOn(message, rightMiddle));
  rightMiddle.on('data', (message: Buffer) => passOn(message, leftMiddle));
  const shake = (stream: Duplex, own: Omit<NoiseHandshakeOptions, 'pattern'>): Promise<unknown> =>
    noiseHandshake(wireOf(stream), { pattern, ...own }).catch((error: unknown) => {
      for (const end of [leftMiddle, rightMiddle]) end.end();
      throw error;
    });
  const sides = [
    shake(left, {
      initiator: true,
      staticKey: ALICE,
      remoteStaticKey: pattern.includes('IK') ? BOB.publicKey : undefined,
    }),
    shake(right, { initiator: false, staticKey: BOB }),
  ];
  return soon(`the handshake of seed ${seed}`, Promise.allSettled(sides));
}

describe('a bit changed in the handshake', () => {
  it.each(['Noise_XX_25519_ChaChaPoly_SHA256', 'Noise_IK_25519_AESGCM_BLAKE2s'])(
    'of %s is found by one side at least, with a frame error and nothing else',
    async (pattern) => {
      for (let seed = 0; seed < 100; seed++) {
        const results = await meddle(pattern, seed);
        const errors = results.flatMap((result) =>
          result.status === 'rejected' ? [result.reason as Error] : [],
        );
        expect(errors.length).toBeGreaterThan(0);
        for (const error of errors) {
          const isExpected =
            PeerError.is(error, 'P2P_ERR_INVALID_FRAME') || error.message === 'the wire ended';
          if (!isExpected) throw new Error(`seed ${seed}: ${error.stack}`);
        }
      }
    },
  );
});
