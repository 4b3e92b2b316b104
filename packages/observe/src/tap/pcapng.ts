/**
 * The blocks of a pcapng file that a capture needs, in little-endian order. Source: "PCAP Now Generic (pcapng) Capture File
 * Format", draft-ietf-opsawg-pcapng, sections 3 and 4.
 */

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Packets begin with an IPv4 or IPv6 header. */
const LINKTYPE_RAW = 101;

/** A packet to write. */
export interface PacketBlock {
  /** The number of its interface, in the order in which they were described. */
  readonly interface: number;
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
  /** Whether it came in. */
  readonly inbound: boolean;
  /** What of it is kept, in pieces. */
  readonly pieces: readonly Uint8Array[];
  /** How long it was; more than is kept where it was cut. */
  readonly length: number;
  /** For people; one may be read in the details of a packet. */
  readonly comment?: string | undefined;
}

type Option = readonly [code: number, value: Uint8Array];

/** Begins a file; `application` is what made it. */
export function sectionHeader(application: string): Buffer {
  const fixed = Buffer.alloc(16);
  fixed.writeUInt32LE(BYTE_ORDER_MAGIC, 0);
  fixed.writeUInt16LE(1, 4);
  fixed.writeUInt16LE(0, 6);
  fixed.writeBigInt64LE(-1n, 8); // its length is not known yet
  return block(SECTION_HEADER, [fixed], [[4, Buffer.from(application)]]);
}

/** Describes an interface; `mostBytes` is the most that is kept of a packet. */
export function interfaceDescription(name: string, description: string, mostBytes: number): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt16LE(LINKTYPE_RAW, 0);
  fixed.writeUInt32LE(mostBytes, 4);
  return block(
    INTERFACE_DESCRIPTION,
    [fixed],
    [
      [2, Buffer.from(name)],
      [3, Buffer.from(description)],
      [9, Buffer.of(6)], // times are in microseconds
    ],
  );
}

/** A packet. */
export function enhancedPacket(packet: PacketBlock): Buffer {
  const kept = packet.pieces.reduce((sum, piece) => sum + piece.length, 0);
  const fixed = Buffer.alloc(20);
  fixed.writeUInt32LE(packet.interface, 0);
  writeTime(fixed, 4, packet.atMs);
  fixed.writeUInt32LE(kept, 12);
  fixed.writeUInt32LE(packet.length, 16);
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(packet.inbound ? 1 : 2);
  const options: Option[] = [[2, flags]];
  if (packet.comment !== undefined) options.unshift([1, Buffer.from(packet.comment)]);
  return block(ENHANCED_PACKET, [fixed, ...packet.pieces, padding(kept)], options);
}

/** How many packets an interface has seen, and how many of those are missing from the file. */
export function interfaceStatistics(
  which: number,
  atMs: number,
  { received, dropped }: { readonly received: number; readonly dropped: number },
): Buffer {
  const fixed = Buffer.alloc(12);
  fixed.writeUInt32LE(which, 0);
  writeTime(fixed, 4, atMs);
  return block(
    INTERFACE_STATISTICS,
    [fixed],
    [
      [4, count(received)],
      [5, count(dropped)],
    ],
  );
}

function block(type: number, body: readonly Uint8Array[], options: readonly Option[]): Buffer {
  const pieces: Uint8Array[] = [...body];
  for (const [code, value] of options) {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(code, 0);
    head.writeUInt16LE(value.length, 2);
    pieces.push(head, value, padding(value.length));
  }
  pieces.push(Buffer.alloc(4)); // the end of the options
  const length = pieces.reduce((sum, piece) => sum + piece.length, 12);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(length, 4);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(length, 0);
  return Buffer.concat([head, ...pieces, tail], length);
}

/** What fills up a field of `length` bytes to whole words. */
function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}

function writeTime(into: Buffer, offset: number, atMs: number): void {
  const micros = BigInt(Math.round(atMs * 1_000));
  into.writeUInt32LE(Number(micros >> 32n), offset);
  into.writeUInt32LE(Number(micros & 0xffffffffn), offset + 4);
}

function count(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
