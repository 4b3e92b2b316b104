import { SocketAddress } from '@pea2pea/core';
import { PeerAddress } from '../shared/peer-address.js';
import type { MdnsPacket, MdnsRecord, MdnsSender } from './link.js';

/** What a node tells of itself. */
export interface Announced {
  /** `_pea2pea._tcp.local`. */
  readonly service: string;
  /** `<label>._pea2pea._tcp.local`. */
  readonly instance: string;
  /** `<label>.local`. */
  readonly host: string;
  readonly port: number;
  /** The own addresses at which it can be dialled. */
  readonly addresses: readonly string[];
  readonly identity: string | undefined;
}

/** In seconds; those of RFC 6762, section 10. */
const TTL = { shared: 4_500, ofHost: 120 } as const;

/** More instances in one packet are ignored: a node tells of one. */
const MAX_INSTANCES = 4;

/** How many records of a packet are looked at. */
const MAX_RECORDS = 64;

/**
 * What a node tells: RFC 6763, sections 4 to 6.
 *
 * ```text
 * _pea2pea._tcp.local         PTR  3f9a…._pea2pea._tcp.local
 * 3f9a…._pea2pea._tcp.local   SRV  0 0 4000 3f9a….local
 * 3f9a…._pea2pea._tcp.local   TXT  "v=1" "id=9f2c…"
 * 3f9a….local                 A    192.168.1.4
 * ```
 *
 * @param isOver for the last packet: whoever keeps the records forgets them
 */
export function announcement(announced: Announced, isOver = false): MdnsPacket {
  const { service, instance, host, port, addresses, identity } = announced;
  const [shared, ofHost] = isOver ? [0, 0] : [TTL.shared, TTL.ofHost];
  const txt = ['v=1', ...(identity === undefined ? [] : [`id=${identity}`])];
  return {
    type: 'response',
    answers: [{ name: service, type: 'PTR', ttl: shared, data: instance }],
    additionals: [
      { name: instance, type: 'SRV', ttl: ofHost, data: { priority: 0, weight: 0, port, target: host } },
      { name: instance, type: 'TXT', ttl: shared, data: txt },
      ...addresses.map((data) => ({
        name: host,
        type: data.includes(':') ? 'AAAA' : 'A',
        ttl: ofHost,
        data,
      })),
    ],
  };
}

/** Whether a query asks for one of the names that are told. */
export function asksFor({ questions = [] }: MdnsPacket, names: readonly string[]): boolean {
  return questions.slice(0, MAX_RECORDS).some(({ name }) => names.some((own) => isSame(own, name)));
}

/**
 * The peers that a packet tells of, at the address that it came from.
 *
 * note: one that tells another address is ignored: nobody can have this node dial somebody else.
 * @param own the instance of this node, whose packets come back
 */
export function peersIn(
  packet: MdnsPacket,
  sender: MdnsSender,
  { service, own }: { readonly service: string; readonly own: string },
): PeerAddress[] {
  const { answers = [], additionals = [] } = packet;
  const records = [...answers.slice(0, MAX_RECORDS), ...additionals.slice(0, MAX_RECORDS)];
  const of = (name: string, type: string): MdnsRecord[] =>
    records.filter((record) => record.type === type && record.ttl !== 0 && isSame(record.name, name));
  const instances = of(service, 'PTR').map(({ data }) => data);
  return [...new Set(instances)].slice(0, MAX_INSTANCES).flatMap((instance) => {
    if (typeof instance !== 'string' || isSame(instance, own)) return [];
    const { port, target } = (of(instance, 'SRV')[0]?.data ?? {}) as { port?: unknown; target?: unknown };
    if (typeof port !== 'number' || port === 0 || typeof target !== 'string') return [];
    if (!of(target, 'A').some(({ data }) => data === sender.address)) return [];
    try {
      return [
        new PeerAddress(new SocketAddress(sender.address, port), identityIn(of(instance, 'TXT')[0]?.data)),
      ];
    } catch {
      return [];
    }
  });
}

function identityIn(txt: unknown): string | undefined {
  for (const item of [txt].flat()) {
    const text = item instanceof Uint8Array ? Buffer.from(item).toString('latin1') : item;
    if (typeof text === 'string' && /^id=/i.test(text)) return text.slice(3);
  }
  return undefined;
}

/** Names of DNS are the same in upper and lower case. */
function isSame(one: string, other: unknown): boolean {
  return typeof other === 'string' && one.toLowerCase() === other.toLowerCase();
}
