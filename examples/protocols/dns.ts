/**
 * DNS over TCP (RFC 1035 4.2.2, RFC 7766): an authoritative server of one zone. Shows a framing that the package has, two
 * bytes of length, with a binary format on top; and errors that are replies.
 *
 *   npm run example protocols/dns -- 5353      then: dig +tcp @127.0.0.1 -p 5353 www.example.test
 */
import { lengthDelimited } from '@pea2pea/codecs';
import type { Connection } from '@pea2pea/core';
import { createPeer, OnMessage, Peer } from '@pea2pea/decorators';

const TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, MX: 15, TXT: 16, AAAA: 28 } as const;
type Type = keyof typeof TYPES;
const ANY = 255;
const [NO_ERROR, FORMAT_ERROR, NAME_ERROR, NOT_IMPLEMENTED, REFUSED] = [0, 1, 3, 4, 5];
const CLASS_IN = 1;
const TTL_SECONDS = 300;

const ORIGIN = 'example.test';
/** The records of each name, as the data that goes over the wire. */
const ZONE: Readonly<Record<string, { readonly [T in Type]?: readonly Buffer[] }>> = {
  [ORIGIN]: {
    SOA: [
      Buffer.concat([nameOf(`ns.${ORIGIN}`), nameOf(`admin.${ORIGIN}`), words32(1, 7_200, 900, 86_400, 300)]),
    ],
    NS: [nameOf(`ns.${ORIGIN}`)],
    A: [Buffer.from([192, 0, 2, 1]), Buffer.from([192, 0, 2, 2])],
    AAAA: [Buffer.from('20010db8000000000000000000000001', 'hex')],
    MX: [Buffer.concat([Buffer.from([0, 10]), nameOf(`mail.${ORIGIN}`)])],
    TXT: [textOf('x'.repeat(20_000))], // far more than a datagram takes: what TCP is for
  },
  [`ns.${ORIGIN}`]: { A: [Buffer.from([192, 0, 2, 53])] },
  [`mail.${ORIGIN}`]: { A: [Buffer.from([192, 0, 2, 25])] },
  [`www.${ORIGIN}`]: { CNAME: [nameOf(ORIGIN)] },
};

function nameOf(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  return Buffer.concat([...labels, Buffer.alloc(1)]);
}

/** Strings of up to 255 bytes, each after its length. */
function textOf(text: string): Buffer {
  const pieces = text.match(/.{1,255}/gs) ?? [''];
  return Buffer.concat(pieces.map((piece) => Buffer.from([piece.length, ...Buffer.from(piece, 'latin1')])));
}

function words32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value, index * 4));
  return bytes;
}

interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Where it ends in the message. */
  readonly end: number;
}

const HEAD = 12;

/** The first question, of which there has to be exactly one; undefined where it is malformed. */
function questionIn(message: Buffer): Question | undefined {
  if (message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEAD;
  for (let size = message[at++]; size !== 0; size = message[at++]) {
    // A label has 63 bytes at most. More bits would be a pointer, and in a question there is nothing to point to.
    if (size === undefined || size > 63 || at + size > message.length) return undefined;
    labels.push(message.toString('latin1', at, at + size));
    at += size;
    if (at - HEAD > 254) return undefined;
  }
  if (at + 4 > message.length) return undefined;
  const name = labels.join('.').toLowerCase();
  return { name, type: message.readUInt16BE(at), class: message.readUInt16BE(at + 2), end: at + 4 };
}

interface ResourceRecord {
  readonly owner: Buffer;
  readonly type: number;
  readonly data: Buffer;
}

/** The records of `name` that a question of `type` asks for; after an alias, those of what it stands for. */
function recordsOf(name: string, type: number, owner: Buffer): ResourceRecord[] {
  return Object.entries(ZONE[name] ?? {}).flatMap(([key, all]) => {
    const own = TYPES[key as Type];
    if (own !== type && type !== ANY && own !== TYPES.CNAME) return [];
    const records = all.map((data) => ({ owner, type: own, data }));
    if (own !== TYPES.CNAME || type === TYPES.CNAME || type === ANY) return records;
    return [...records, ...recordsOf(ORIGIN, type, all[0]!)];
  });
}

function respond(query: Buffer): Buffer {
  const opcode = (query[2]! >> 3) & 15;
  const question = questionIn(query);
  if (opcode !== 0) return response(query, NOT_IMPLEMENTED);
  if (question === undefined) return response(query, FORMAT_ERROR);
  const { name } = question;
  const isOurs = name === ORIGIN || name.endsWith(`.${ORIGIN}`);
  if (!isOurs || question.class !== CLASS_IN) return response(query, REFUSED, question);
  const pointer = Buffer.from([0xc0, HEAD]); // to the name in the question
  const records = recordsOf(name, question.type, pointer);
  const code = Object.hasOwn(ZONE, name) ? NO_ERROR : NAME_ERROR;
  // Where there is nothing, the SOA says for how long that may be remembered: RFC 2308.
  const soa = { owner: nameOf(ORIGIN), type: TYPES.SOA, data: ZONE[ORIGIN]!.SOA![0]! };
  return response(query, code, question, records, records.length === 0 ? [soa] : []);
}

function response(
  query: Buffer,
  code: number,
  question?: Question,
  answers: ResourceRecord[] = [],
  authority: ResourceRecord[] = [],
): Buffer {
  const head = Buffer.alloc(HEAD);
  query.copy(head, 0, 0, 2);
  const isAuthoritative = question !== undefined && code !== REFUSED;
  head[2] = 0x80 | (query[2]! & 0x79) | (isAuthoritative ? 4 : 0); // a response; opcode and RD as in the query
  head[3] = code;
  head.writeUInt16BE(question === undefined ? 0 : 1, 4);
  head.writeUInt16BE(answers.length, 6);
  head.writeUInt16BE(authority.length, 8);
  const asked = question === undefined ? [] : [query.subarray(HEAD, question.end)];
  const records = [...answers, ...authority].flatMap(({ owner, type, data }) => {
    const fixed = Buffer.alloc(10);
    fixed.writeUInt16BE(type, 0);
    fixed.writeUInt16BE(CLASS_IN, 2);
    fixed.writeUInt32BE(TTL_SECONDS, 4);
    fixed.writeUInt16BE(data.length, 8);
    return [owner, fixed, data];
  });
  return Buffer.concat([head, ...asked, ...records]);
}

const codec = lengthDelimited({ lengthFieldLength: 2, maxFrameLength: 65_535 });

/** RFC 7766: many queries a connection, which is closed after some seconds without one. */
@Peer({ codec, idleTimeoutMs: 10_000, maxConnectionsPerIp: 20 })
class NameServer {
  @OnMessage(codec)
  async onQuery(query: Buffer, client: Connection<Buffer, Uint8Array | string>): Promise<void> {
    const isQuery = query.length >= HEAD && (query[2]! & 0x80) === 0;
    if (isQuery) await client.send(respond(query));
    else await client.disconnect('not a query'); // it has no id to reply to, or a reply could go back and forth for ever
  }
}

const server = await createPeer(NameServer, {
  listen: { host: '127.0.0.1', port: Number(process.argv[2] ?? 5353) },
});
server.closeOn('SIGINT', 'SIGTERM');
console.log(`dns at ${server.address}`);
