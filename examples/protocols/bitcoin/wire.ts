import { createHash, randomBytes } from 'node:crypto';
import { checksummed, lengthDelimited, mapCodec } from '@pea2pea/codecs';
import type { Handshake, TaggedCodec } from '@pea2pea/core';

const MAGIC_OF_REGTEST = Buffer.from('fabfb5da', 'hex');
const PROTOCOL = 70_015;
const HEAD = 24;
/** Tells a node that it has dialled itself. */
const NONCE = randomBytes(8);

export const hashOf = (bytes: Uint8Array): Buffer => sha256(sha256(bytes));
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

const COMMANDS = [
  'version',
  'verack',
  'ping',
  'pong',
  'sendheaders',
  'headers',
  'getheaders',
  'inv',
] as const;
type Command = (typeof COMMANDS)[number];
export interface Of<C extends string> {
  readonly command: C;
  readonly payload: Buffer;
}
/** Peers may say more than one understands: that is `other`. */
export type Message = { [C in Command | 'other']: Of<C> }[Command | 'other'];

// The magic number, the length and the first bytes of the hash are compared in what is received, and filled in in what is sent.
const frames = checksummed(
  lengthDelimited({
    magic: MAGIC_OF_REGTEST,
    lengthFieldOffset: 16,
    endianness: 'little',
    numSkip: 0,
    lengthAdjustment: HEAD,
    maxFrameLength: 4_000_000,
  }),
  { offset: 20, compute: hashOf },
);
const messages = mapCodec(frames, {
  decode(frame): Message {
    const name = frame.toString('latin1', 4, 16).replace(/\0+$/, '');
    return {
      command: COMMANDS.find((command) => command === name) ?? 'other',
      payload: frame.subarray(HEAD),
    };
  },
  encode({ command, payload }: Message): Buffer {
    const head = Buffer.alloc(HEAD);
    head.write(command, 4, 'latin1');
    return Buffer.concat([head, payload]);
  },
});
/** A magic number, a command, a length, a checksum, then the payload. */
export const bitcoin: TaggedCodec<Message, Message, 'command'> = {
  ...messages,
  tagKey: 'command',
  tags: [...COMMANDS, 'other'],
};

/** Both say their version, who dialled first, and acknowledge that of the other. Nothing else counts before that. */
export async function greet(handshake: Handshake, height: () => number): Promise<void> {
  const [decoder, encoder] = [bitcoin.decoder(handshake), bitcoin.encoder(handshake)];
  const say = (command: Command, payload: Buffer): Promise<void> =>
    handshake.send(encoder, { command, payload });
  const expect = async (command: Command): Promise<Buffer> => {
    for (let others = 0; others < 10; others++) {
      const message = await handshake.receive(decoder);
      if (message.command === command) return message.payload;
      if (message.command !== 'other' && message.command !== 'sendheaders') break;
    }
    return handshake.reject(`a ${command} was expected`);
  };
  if (handshake.direction === 'outbound') await say('version', versionOf(height()));
  const version = await expect('version');
  if (version.length < 85) handshake.reject('a version is too short');
  if (version.subarray(72, 80).equals(NONCE)) handshake.reject('that is this node itself');
  if (handshake.direction === 'inbound') await say('version', versionOf(height()));
  await say('verack', Buffer.alloc(0));
  await expect('verack');
}

function versionOf(height: number): Buffer {
  const agent = '/pea2pea:0.1.0/';
  const payload = Buffer.alloc(80 + 1 + agent.length + 5);
  payload.writeInt32LE(PROTOCOL, 0);
  // No services, as it has no blocks, at 4; the time, at 12; the addresses of both, which nobody trusts, at 20 and 46.
  payload.writeBigInt64LE(BigInt(Math.floor(Date.now() / 1_000)), 12);
  NONCE.copy(payload, 72);
  payload[80] = agent.length;
  payload.write(agent, 81, 'latin1');
  payload.writeInt32LE(height, 81 + agent.length);
  return payload; // its last byte says that no transactions are wanted
}

/** Numbers of up to 16 bits are enough here. Undefined for others. */
export function varintAt(bytes: Buffer, at: number): { value: number; next: number } | undefined {
  const first = bytes[at];
  if (first !== undefined && first < 0xfd) return { value: first, next: at + 1 };
  if (first !== 0xfd || bytes.length < at + 3) return undefined;
  return { value: bytes.readUInt16LE(at + 1), next: at + 3 };
}

export const varint = (value: number): Buffer =>
  value < 0xfd ? Buffer.from([value]) : Buffer.from([0xfd, value & 255, value >> 8]);
