import { mapCodec, varintDelimited } from '@pea2pea/codecs';
import type { TaggedCodec } from '@pea2pea/core';
import { Fields, malformed } from './fields.js';

export type Qos = 0 | 1 | 2;
export interface Publish {
  readonly type: 'publish';
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly retain: boolean;
  /** Zero where `qos` is. */
  readonly id: number;
}
export interface Connect {
  readonly type: 'connect';
  readonly level: number;
  readonly clean: boolean;
  readonly keepAliveSeconds: number;
  readonly clientId: string;
  readonly will: Publish | undefined;
  readonly user: string | undefined;
  readonly password: Buffer | undefined;
}
type Acknowledge<Type extends string> = { readonly type: Type; readonly id: number };

/** What clients send. */
export type Packet =
  | Connect
  | Publish
  | Acknowledge<'puback'>
  | Acknowledge<'pubrel'>
  | {
      readonly type: 'subscribe';
      readonly id: number;
      readonly filters: readonly (readonly [filter: string, qos: Qos])[];
    }
  | { readonly type: 'unsubscribe'; readonly id: number; readonly filters: readonly string[] }
  | { readonly type: 'pingreq' }
  | { readonly type: 'disconnect' };
export type Of<Type extends Packet['type']> = Extract<Packet, { type: Type }>;
/** What a broker sends. */
export type Reply =
  | Publish
  | { readonly type: 'connack'; readonly code: number }
  | Acknowledge<'puback' | 'pubrec' | 'pubcomp' | 'unsuback'>
  | { readonly type: 'suback'; readonly id: number; readonly granted: readonly number[] }
  | { readonly type: 'pingresp' };

const NUMBERS = {
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubcomp: 7,
  suback: 9,
  unsuback: 11,
  pingresp: 13,
} as const;

/** A byte with the type and four flags, a length of one to four bytes, then the packet. */
const frames = varintDelimited({ offset: 1, maxVarintLength: 4, maxFrameLength: 256 * 1024 });
const packets = mapCodec(frames, {
  decode: (frame): Packet => packetOf(frame[0]! >> 4, frame[0]! & 15, new Fields(frame.subarray(1))),
  encode(reply: Reply): Uint8Array {
    const flags = reply.type === 'publish' ? (reply.qos << 1) | (reply.retain ? 1 : 0) : 0;
    return Buffer.concat([Buffer.from([(NUMBERS[reply.type] << 4) | flags]), bodyOf(reply)]);
  },
});
export const mqtt: TaggedCodec<Packet, Reply, 'type'> = {
  ...packets,
  tagKey: 'type',
  tags: ['connect', 'publish', 'puback', 'pubrel', 'subscribe', 'unsubscribe', 'pingreq', 'disconnect'],
};

function packetOf(number: number, flags: number, fields: Fields): Packet {
  if (number === 3) return publishOf(flags, fields);
  // The flags of the others are fixed: two for those that have to be replied to with their id, none for the rest.
  if (flags !== (number === 6 || number === 8 || number === 10 ? 2 : 0))
    throw malformed('a packet has the wrong flags');
  switch (number) {
    case 1:
      return connectOf(fields);
    case 4:
      return { type: 'puback', id: fields.id() };
    case 6:
      return { type: 'pubrel', id: fields.id() };
    case 8:
      return {
        type: 'subscribe',
        id: fields.id(),
        filters: fields.some(() => [filterOf(fields.text()), qosOf(fields.int(1))] as const),
      };
    case 10:
      return { type: 'unsubscribe', id: fields.id(), filters: fields.some(() => filterOf(fields.text())) };
    case 12:
      return { type: 'pingreq' };
    case 14:
      return { type: 'disconnect' };
    default:
      throw malformed(`a packet of type ${number} is not for a broker`);
  }
}

function connectOf(fields: Fields): Connect {
  if (fields.text() !== 'MQTT') throw malformed('the protocol is not MQTT');
  const level = fields.int(1);
  const flags = fields.int(1);
  if ((flags & 1) !== 0) throw malformed('a reserved flag is set');
  const keepAliveSeconds = fields.int(2);
  const clientId = fields.text();
  const hasWill = (flags & 4) !== 0;
  if (!hasWill && (flags & 0x38) !== 0) throw malformed('there is no will, but flags for one');
  const will = hasWill
    ? ({
        type: 'publish',
        topic: topicOf(fields.text()),
        payload: fields.bytes(fields.int(2)),
        qos: qosOf((flags >> 3) & 3),
        retain: (flags & 32) !== 0,
        id: 0,
      } as const)
    : undefined;
  const user = (flags & 128) === 0 ? undefined : fields.text();
  if (user === undefined && (flags & 64) !== 0) throw malformed('there is a password, but no user');
  const password = (flags & 64) === 0 ? undefined : fields.bytes(fields.int(2));
  return {
    type: 'connect',
    level,
    clean: (flags & 2) !== 0,
    keepAliveSeconds,
    clientId,
    will,
    user,
    password,
  };
}

function publishOf(flags: number, fields: Fields): Publish {
  const topic = topicOf(fields.text());
  const qos = qosOf((flags >> 1) & 3);
  const id = qos === 0 ? 0 : fields.id();
  return { type: 'publish', topic, payload: fields.rest(), qos, retain: (flags & 1) !== 0, id };
}

function topicOf(topic: string): string {
  if (topic === '' || /[+#]/.test(topic)) throw malformed('a topic is empty, or has wildcards');
  return topic;
}

/** `#` is the last level, `+` is a whole one. */
function filterOf(filter: string): string {
  const levels = filter.split('/');
  const isValid = levels.every(
    (level, index) => !/[+#]/.test(level) || level === '+' || (level === '#' && index === levels.length - 1),
  );
  if (filter === '' || !isValid) throw malformed('a filter is empty, or has wildcards where none may be');
  return filter;
}

function qosOf(value: number): Qos {
  if (value > 2) throw malformed('a quality of service is not 0, 1 or 2');
  return value as Qos;
}

function bodyOf(reply: Reply): Uint8Array {
  switch (reply.type) {
    case 'publish': {
      const topic = Buffer.from(reply.topic);
      return Buffer.concat([
        word(topic.length),
        topic,
        reply.qos === 0 ? Buffer.alloc(0) : word(reply.id),
        reply.payload,
      ]);
    }
    case 'connack':
      return Buffer.from([0, reply.code]);
    case 'suback':
      return Buffer.concat([word(reply.id), Buffer.from(reply.granted)]);
    case 'pingresp':
      return Buffer.alloc(0);
    case 'puback':
    case 'pubrec':
    case 'pubcomp':
    case 'unsuback':
      return word(reply.id);
  }
}

const word = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
