/**
 * What a node shouts into the network, in 70 bytes:
 *
 * ```text
 *   [ 'PEA2LAN1' | id: 16 | port: 2 | number: 8 | HMAC-SHA256 of all that: 32 ]... big endian
 *                                     `- grows with every beacon of an id, over restarts, too
 * ```
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export const ID_BYTES = 16;

const MAGIC = Buffer.from('PEA2LAN1');
const PORT_AT = MAGIC.length + ID_BYTES;
const NUMBER_AT = PORT_AT + 2;
const MAC_AT = NUMBER_AT + 8;
const BEACON_BYTES = MAC_AT + 32;

export interface Beacon {
  /** In hexadecimal digits. */
  readonly id: string;
  /** Where the node listens, at the address that the beacon comes from. */
  readonly port: number;
  readonly number: number;
}

export function encodeBeacon({ id, port, number }: Beacon, key: Buffer): Buffer {
  const bytes = Buffer.alloc(BEACON_BYTES);
  MAGIC.copy(bytes);
  bytes.write(id, MAGIC.length, 'hex');
  bytes.writeUInt16BE(port, PORT_AT);
  bytes.writeBigUInt64BE(BigInt(number), NUMBER_AT);
  mac(bytes, key).copy(bytes, MAC_AT);
  return bytes;
}

/** The beacon, or what is wrong with it: it is none, or whoever made it does not have the key. */
export function decodeBeacon(bytes: Buffer, key: Buffer): Beacon | 'malformed' | 'forged' {
  if (bytes.length !== BEACON_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return 'malformed';
  if (!timingSafeEqual(bytes.subarray(MAC_AT), mac(bytes, key))) return 'forged';
  const port = bytes.readUInt16BE(PORT_AT);
  const number = Number(bytes.readBigUInt64BE(NUMBER_AT));
  if (port === 0) return 'malformed';
  return { id: bytes.toString('hex', MAGIC.length, PORT_AT), port, number };
}

function mac(bytes: Buffer, key: Buffer): Buffer {
  return createHmac('sha256', key).update(bytes.subarray(0, MAC_AT)).digest();
}
