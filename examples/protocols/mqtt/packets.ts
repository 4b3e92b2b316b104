import { NEED_MORE, PeerError, type ByteQueue, type TaggedCodec } from '@pea2pea/core';
import { decodeUtf8 } from '@pea2pea/core/authoring';

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
const MAX_LENGTH = 256 * 1024;

/** A byte with the type and four flags, a length of one to four bytes with seven bits each, then the packet. */
export const mqtt: TaggedCodec<Packet, Reply, 'type'> = {
  tagKey: 'type',
  tags: ['connect', 'publish', 'puback', 'pubrel', 'subscribe', 'unsubscribe', 'pingreq', 'disconnect'],
  statelessEncoder: true,
  decoder: () => ({ decode: decodePacket }),
  encoder: () => ({
    encode(reply, output) {
      const body = bodyOf(reply);
      const flags = reply.type === 'publish' ? (reply.qos << 1) | (reply.retain ? 1 : 0) : 0;
      output.writeUInt((NUMBERS[reply.type] << 4) | flags, 1);
      for (let rest = body.length, more = true; more; rest >>= 7) {
        more = rest > 127;
        output.writeUInt((rest & 127) | (more ? 128 : 0), 1);
      }
      output.write(body);
    },
  }),
};

function decodePacket(input: ByteQueue): Packet | typeof NEED_MORE {
  let length = 0;
  let at = 1;
  for (let byte = 128; byte > 127; at++) {
    if (at > 4) throw malformed('a length has more than four bytes');
    if (input.length <= at) return NEED_MORE;
    byte = input.peek(at);
    length |= (byte & 127) << ((at - 1) * 7);
  }
  if (length > MAX_LENGTH) throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', `the limit is ${MAX_LENGTH} bytes`);
  if (input.length < at + length) return NEED_MORE;
  const first = input.peek(0);
  input.skip(at);
  return packetOf(first >> 4, first & 15, new Fields(input.read(length)));
}

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
const malformed = (what: string): PeerError => new PeerError('P2P_ERR_INVALID_FRAME', what);

/** The fields of a packet, one after the other. */
class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  bytes(size: number): Buffer {
    if (this.#at + size > this.#bytes.length) throw malformed('a packet ends too early');
    return this.#bytes.subarray(this.#at, (this.#at += size));
  }

  int(size: 1 | 2): number {
    return this.bytes(size).readUIntBE(0, size);
  }

  id(): number {
    const id = this.int(2);
    if (id === 0) throw malformed('a packet has the id 0');
    return id;
  }

  text(): string {
    const text = decodeUtf8(this.bytes(this.int(2)));
    if (text.includes('\0')) throw malformed('a string contains a zero');
    return text;
  }

  rest(): Buffer {
    return this.bytes(this.#bytes.length - this.#at);
  }

  /** One at least, up to the end. */
  some<T>(read: () => T): T[] {
    const all = [read()];
    while (this.#at < this.#bytes.length) all.push(read());
    return all;
  }
}
