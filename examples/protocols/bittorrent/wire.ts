import { lengthDelimited, mapCodec } from '@pea2pea/codecs';
import type { Handshake, TaggedCodec } from '@pea2pea/core';

/** The messages of BEP 3, in the order of their numbers. */
const TYPES = [
  'choke',
  'unchoke',
  'interested',
  'uninterested',
  'have',
  'bitfield',
  'request',
  'piece',
  'cancel',
] as const;
const OTHERS = ['keep-alive', 'unknown'] as const;

interface Block {
  readonly index: number;
  readonly begin: number;
  readonly length: number;
}
export type Message =
  | { readonly type: 'choke' | 'unchoke' | 'interested' | 'uninterested' | (typeof OTHERS)[number] }
  | { readonly type: 'have'; readonly index: number }
  | { readonly type: 'bitfield'; readonly bits: Buffer }
  | ({ readonly type: 'request' } & Block)
  | ({ readonly type: 'cancel' } & Block)
  | { readonly type: 'piece'; readonly index: number; readonly begin: number; readonly bytes: Buffer };
export type Of<Type extends Message['type']> = Extract<Message, { type: Type }>;

/** What is asked for at once: peers close connections that ask for more. */
export const BLOCK_LENGTH = 16 * 1024;
/** The bits of a million pieces. */
const MAX_LENGTH = 128 * 1024;

const framed = mapCodec(lengthDelimited({ maxFrameLength: MAX_LENGTH }), { decode, encode });
/** A length of four bytes, then the number of the message and its fields. An empty frame keeps the connection alive. */
export const wire: TaggedCodec<Message, Message, 'type'> = {
  ...framed,
  tagKey: 'type',
  tags: [...TYPES, ...OTHERS],
};

function decode(frame: Buffer): Message {
  if (frame.length === 0) return { type: 'keep-alive' };
  const type = TYPES.at(frame[0]!); // undefined beyond them
  const word = (at: number): number => frame.readUInt32BE(1 + at * 4); // throws where the frame is too short
  switch (type) {
    case 'have':
      return { type, index: word(0) };
    case 'bitfield':
      return { type, bits: frame.subarray(1) };
    case 'request':
    case 'cancel':
      return { type, index: word(0), begin: word(1), length: word(2) };
    case 'piece':
      return { type, index: word(0), begin: word(1), bytes: frame.subarray(9) };
    case 'choke':
    case 'unchoke':
    case 'interested':
    case 'uninterested':
      return { type };
    case undefined:
      return { type: 'unknown' }; // of an extension: BEP 10 and others
  }
}

function encode(message: Message): Uint8Array {
  const number = TYPES.indexOf(message.type as (typeof TYPES)[number]);
  switch (message.type) {
    case 'keep-alive':
    case 'unknown':
      return Buffer.alloc(0);
    case 'have':
      return Buffer.concat([Buffer.from([number]), words(message.index)]);
    case 'bitfield':
      return Buffer.concat([Buffer.from([number]), message.bits]);
    case 'request':
    case 'cancel':
      return Buffer.concat([Buffer.from([number]), words(message.index, message.begin, message.length)]);
    case 'piece':
      return Buffer.concat([Buffer.from([number]), words(message.index, message.begin), message.bytes]);
    case 'choke':
    case 'unchoke':
    case 'interested':
    case 'uninterested':
      return Buffer.from([number]);
  }
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value, index * 4));
  return bytes;
}

const PROTOCOL = Buffer.from('\x13BitTorrent protocol', 'latin1');

/** 68 bytes both ways: the protocol, eight bytes of extensions, of which we have none, the torrent, and who one is. */
export async function greet(handshake: Handshake, torrent: Buffer, ownId: Buffer): Promise<void> {
  const own = Buffer.concat([PROTOCOL, Buffer.alloc(8), torrent, ownId]);
  if (handshake.direction === 'outbound') await handshake.write(own);
  const head = await handshake.read(48);
  if (!head.subarray(0, 20).equals(PROTOCOL))
    handshake.reject('the peer does not speak BitTorrent in the clear');
  if (!head.subarray(28).equals(torrent)) handshake.reject('the peer is after another torrent');
  // The id comes last, as some wait for ours before they say theirs.
  if (handshake.direction === 'inbound') await handshake.write(own);
  if ((await handshake.read(20)).equals(ownId)) handshake.reject('that is this peer itself');
}

export function bitsOf(have: ReadonlySet<number>, count: number): Buffer {
  const bits = Buffer.alloc(Math.ceil(count / 8));
  for (const index of have) bits[index >> 3]! |= 0x80 >> (index & 7);
  return bits;
}

/** Undefined where it is not the bitfield of so many pieces: its length differs, or a spare bit is set. */
export function setOf(bits: Buffer, count: number): Set<number> | undefined {
  if (bits.length !== Math.ceil(count / 8)) return undefined;
  const have = new Set<number>();
  for (let index = 0; index < bits.length * 8; index++) {
    if ((bits[index >> 3]! & (0x80 >> (index & 7))) !== 0) have.add(index);
  }
  return Math.max(-1, ...have) < count ? have : undefined;
}
