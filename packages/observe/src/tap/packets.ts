import type { IpAddress, SocketAddress } from '@pea2pea/core';
import { parseIp } from '@pea2pea/core/authoring';

/** Which way bytes went, seen from this side. */
export type Way = 'received' | 'sent';

/** A packet as it might have been on a network: its headers, and what it carries. */
export interface Packet {
  readonly way: Way;
  readonly headers: Buffer;
  readonly payload: Uint8Array;
}

const FIN = 0x01;
const SYN = 0x02;
const PSH = 0x08;
const ACK = 0x10;

const TCP = 6;
const TCP_HEADER = 20;
/** What a packet carries: both headers and this fit in the length field of IPv4. */
const MOST_PAYLOAD = 32 * 1024;
const EMPTY = new Uint8Array(0);

interface End {
  readonly ip: Buffer;
  readonly port: number;
}

/**
 * A stream of bytes as the packets of a TCP connection, from its SYN to its FINs, so that tools that read packets follow it.
 * The packets are made up: what the network really carried had other borders, repetitions and acknowledgements.
 */
export class TcpFlow {
  readonly #local: End;
  readonly #peer: End;
  readonly #dialled: boolean;
  /** The number of the next byte of each side, modulo 2^32. */
  readonly #next: Record<Way, number> = { sent: 0, received: 0 };
  #id = 0;

  /**
   * @param dialled whether this side dialled
   * @param spare the port of the side that dialled, where it has none, as with a path, or where `isMoved`
   */
  constructor(local: SocketAddress, peer: SocketAddress, dialled: boolean, spare: number, isMoved = false) {
    const ips = [local, peer].map(({ host, path }) => (path === undefined ? parseIp(host) : undefined));
    const isV6 = ips.some((ip) => ip?.version === 6);
    const end = (ip: IpAddress | undefined, port: number, isDialler: boolean): End => {
      if (isDialler && (isMoved || port === 0)) return { ip: ipBytes(ip, isV6), port: spare };
      return { ip: ipBytes(ip, isV6), port: port === 0 ? 1 : port };
    };
    this.#local = end(ips[0], local.port, dialled);
    this.#peer = end(ips[1], peer.port, !dialled);
    this.#dialled = dialled;
  }

  /** The three packets by which a connection begins. */
  open(): Packet[] {
    const [first, second]: [Way, Way] = this.#dialled ? ['sent', 'received'] : ['received', 'sent'];
    return [
      this.#packet(first, SYN, EMPTY, 1),
      this.#packet(second, SYN | ACK, EMPTY, 1),
      this.#packet(first, ACK, EMPTY),
    ];
  }

  /** `bytes` in as many packets as they need. */
  data(way: Way, bytes: Uint8Array): Packet[] {
    const packets: Packet[] = [];
    for (let start = 0; start < bytes.length; start += MOST_PAYLOAD) {
      packets.push(this.#packet(way, PSH | ACK, bytes.subarray(start, start + MOST_PAYLOAD)));
    }
    return packets;
  }

  /** `length` bytes are not shown: what follows leaves room for them. */
  skip(way: Way, length: number): void {
    this.#next[way] = (this.#next[way] + length) >>> 0;
  }

  /** Both sides end. */
  close(): Packet[] {
    return [
      this.#packet('sent', FIN | ACK, EMPTY, 1),
      this.#packet('received', FIN | ACK, EMPTY, 1),
      this.#packet('sent', ACK, EMPTY),
    ];
  }

  #packet(way: Way, flags: number, payload: Uint8Array, counts = payload.length): Packet {
    const [from, to] = way === 'sent' ? [this.#local, this.#peer] : [this.#peer, this.#local];
    const tcp = Buffer.alloc(TCP_HEADER);
    tcp.writeUInt16BE(from.port, 0);
    tcp.writeUInt16BE(to.port, 2);
    tcp.writeUInt32BE(this.#next[way], 4);
    if ((flags & ACK) !== 0) tcp.writeUInt32BE(this.#next[way === 'sent' ? 'received' : 'sent'], 8);
    tcp.writeUInt8((TCP_HEADER / 4) << 4, 12);
    tcp.writeUInt8(flags, 13);
    tcp.writeUInt16BE(0xffff, 14);
    tcp.writeUInt16BE(tcpChecksum(from.ip, to.ip, tcp, payload), 16);
    this.skip(way, counts);
    this.#id = (this.#id + 1) & 0xffff;
    const ip = ipHeader(from.ip, to.ip, TCP_HEADER + payload.length, this.#id);
    return { way, headers: Buffer.concat([ip, tcp]), payload };
  }
}

/** An address of 4 bytes, or of 16 where `isV6`; the loopback for what has no IP address. */
function ipBytes(ip: IpAddress | undefined, isV6: boolean): Buffer {
  const { version, groups } = ip ?? { version: 4, groups: [127, 0, 0, 1] };
  if (version === 6) return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
  const v4 = Buffer.from(groups);
  return isV6 ? Buffer.concat([Buffer.alloc(10), Buffer.of(0xff, 0xff), v4]) : v4;
}

function ipHeader(from: Buffer, to: Buffer, length: number, id: number): Buffer {
  if (from.length === 16) {
    const head = Buffer.alloc(8);
    head.writeUInt8(0x60, 0);
    head.writeUInt16BE(length, 4);
    head.writeUInt8(TCP, 6);
    head.writeUInt8(64, 7);
    return Buffer.concat([head, from, to]);
  }
  const head = Buffer.alloc(12);
  head.writeUInt8(0x45, 0);
  head.writeUInt16BE(20 + length, 2);
  head.writeUInt16BE(id, 4);
  head.writeUInt16BE(0x4000, 6); // not to be split
  head.writeUInt8(64, 8);
  head.writeUInt8(TCP, 9);
  const header = Buffer.concat([head, from, to]);
  header.writeUInt16BE(fold(sum(header)), 10);
  return header;
}

/** RFC 9293, section 3.1. */
function tcpChecksum(from: Buffer, to: Buffer, tcp: Buffer, payload: Uint8Array): number {
  return fold(sum(from) + sum(to) + TCP + tcp.length + payload.length + sum(tcp) + sum(payload));
}

/** The sum of the 16-bit words; the last byte of an odd number is the high one. */
function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let index = 0; index < bytes.length; index += 2) {
    total += (bytes[index]! << 8) | (bytes[index + 1] ?? 0);
  }
  return total;
}

/** RFC 1071. */
function fold(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}
