import { NEED_MORE, PeerError, type ByteQueue, type ByteSink, type Codec } from '@pea2pea/core';
import {
  ID_BYTES,
  MAX_OVERHEAD,
  readPublication,
  readTopic,
  type MessageId,
  type Publication,
} from './publication.js';

/** What peers send each other. */
export type Frame =
  /** Topics that the sender has subscribed to, or no longer has. */
  | { readonly type: 'topics'; readonly changes: readonly TopicChange[] }
  /** A message, and how long ago it was published: what the sender was told, and the time since then. */
  | { readonly type: 'message'; readonly ageMs: number; readonly publication: Publication }
  /** Messages that the sender has (IHAVE). */
  | { readonly type: 'have'; readonly topic: string; readonly ids: readonly MessageId[] }
  /** Messages that the sender wants (IWANT). */
  | { readonly type: 'want'; readonly ids: readonly MessageId[] }
  /** The sender takes the receiver into its mesh (GRAFT). */
  | { readonly type: 'graft'; readonly topic: string }
  /** The sender has no place for the receiver in its mesh, nor wants to be asked for so long (PRUNE). */
  | { readonly type: 'prune'; readonly topic: string; readonly backoffMs: number }
  /** The sender has messages from others sooner: say which there are, and send them when asked. */
  | { readonly type: 'lazy'; readonly topic: string }
  /** The sender wants whole messages again. */
  | { readonly type: 'eager'; readonly topic: string };

export interface TopicChange {
  readonly topic: string;
  readonly isSubscribed: boolean;
}

/** As many ids, or topics, are in a frame at most. */
export const MAX_LISTED = 256;

const TYPES = ['topics', 'message', 'have', 'want', 'graft', 'prune', 'lazy', 'eager'] as const;
const MAX_UINT32 = 2 ** 32 - 1;

/**
 * ```text
 * [ type: 1 byte ]...
 * topics    [ 0 or 1 | n | topic: n bytes ]...            lazy, eager, graft  [ topic ]
 * message   [ age in ms: 4 bytes | publication ]          prune               [ back-off in ms: 4 bytes | topic ]
 * have      [ n | topic: n bytes | id: 16 bytes ... ]     want                [ id: 16 bytes ... ]
 * ```
 */
export function gossipFrames(maxMessageBytes: number): Codec<Frame> {
  const limit = maxMessageBytes + MAX_OVERHEAD + 5;
  return {
    statelessEncoder: true,
    decoder: () => ({
      decode(input) {
        if (input.length === 0) return NEED_MORE;
        if (input.length > limit) {
          const what = `gossip has ${input.length} bytes, the limit is ${limit}`;
          throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', what);
        }
        return readFrame(input);
      },
    }),
    encoder: () => ({ encode: writeFrame }),
  };
}

function readFrame(input: ByteQueue): Frame {
  const type = TYPES[input.peek(0)];
  input.skip(1);
  if (type === undefined) throw invalid('of an unknown type');
  switch (type) {
    case 'topics':
      return { type, changes: readChanges(input) };
    case 'message': {
      const ageMs = readUInt32(input);
      // A copy: it is kept for others, and what arrived may be a view of a chunk of 64 KiB.
      return { type, ageMs, publication: readPublication(Buffer.from(input.read(input.length))) };
    }
    case 'have':
      return { type, topic: readName(input), ids: readIds(input) };
    case 'want':
      return { type, ids: readIds(input) };
    case 'prune': {
      const backoffMs = readUInt32(input);
      return { type, backoffMs, topic: readTopic(input.read(input.length)) };
    }
    case 'graft':
    case 'lazy':
    case 'eager':
      return { type, topic: readTopic(input.read(input.length)) };
  }
}

function readUInt32(input: ByteQueue): number {
  if (input.length < 4) throw invalid('that is cut');
  const value = input.peekUInt(0, 4);
  input.skip(4);
  return value;
}

function readName(input: ByteQueue): string {
  const length = input.length === 0 ? 0 : input.peek(0);
  if (input.length < 1 + length) throw invalid('that is cut');
  input.skip(1);
  return readTopic(input.read(length));
}

function readChanges(input: ByteQueue): TopicChange[] {
  const changes: TopicChange[] = [];
  while (input.length > 0) {
    if (changes.length === MAX_LISTED) throw invalid(`with more than ${MAX_LISTED} topics`);
    const flag = input.peek(0);
    if (flag > 1) throw invalid('that neither subscribes nor unsubscribes');
    input.skip(1);
    changes.push({ isSubscribed: flag === 1, topic: readName(input) });
  }
  return changes;
}

function readIds(input: ByteQueue): MessageId[] {
  const count = input.length / ID_BYTES;
  if (!Number.isInteger(count) || count === 0 || count > MAX_LISTED) throw invalid('without a list of ids');
  const bytes = input.read(input.length);
  return Array.from({ length: count }, (_, index) =>
    bytes.toString('latin1', index * ID_BYTES, (index + 1) * ID_BYTES),
  );
}

function writeFrame(frame: Frame, output: ByteSink): void {
  output.writeUInt(TYPES.indexOf(frame.type), 1);
  switch (frame.type) {
    case 'topics':
      for (const { topic, isSubscribed } of frame.changes) {
        output.writeUInt(isSubscribed ? 1 : 0, 1);
        writeName(topic, output);
      }
      return;
    case 'message':
      output.writeUInt(Math.min(frame.ageMs, MAX_UINT32), 4);
      output.write(frame.publication.bytes);
      return;
    case 'have':
      writeName(frame.topic, output);
      for (const id of frame.ids) output.write(Buffer.from(id, 'latin1'));
      return;
    case 'want':
      for (const id of frame.ids) output.write(Buffer.from(id, 'latin1'));
      return;
    case 'prune':
      output.writeUInt(frame.backoffMs, 4);
      output.writeText(frame.topic);
      return;
    case 'graft':
    case 'lazy':
    case 'eager':
      output.writeText(frame.topic);
  }
}

function writeName(topic: string, output: ByteSink): void {
  const at = output.reserve(1);
  output.patchUInt(at, output.writeText(topic), 1);
}

function invalid(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_FRAME', `gossip came ${what}`);
}
