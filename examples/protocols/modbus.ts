/**
 * Modbus TCP (https://modbus.org: Application Protocol V1.1b3, Messaging on TCP/IP V1.0b): a device with coils and
 * registers. Shows a framing that keeps its head and fills in the length, exceptions as replies, and a server
 * without decorators.
 *
 *   npm run example protocols/modbus -- 502      then any Modbus client, such as modpoll
 */
import { lengthDelimited, mapCodec } from '@pea2pea/codecs';
import { PeerError, PeerNode } from '@pea2pea/core';

/** A request or a response: a function and its data. The transaction and the unit are sent back as they came. */
interface Message {
  readonly transaction: number;
  readonly unit: number;
  readonly pdu: Buffer;
}

const HEAD = 7;

/** A transaction, the protocol, which is 0, a length, a unit, then the PDU of up to 253 bytes. */
const frames = lengthDelimited({
  lengthFieldOffset: 4,
  lengthFieldLength: 2,
  lengthAdjustment: 6,
  numSkip: 0,
  maxFrameLength: 254,
});
const modbus = mapCodec(frames, {
  decode(frame): Message {
    const isModbus = frame.length > HEAD && frame.readUInt16BE(2) === 0;
    if (!isModbus)
      throw new PeerError('P2P_ERR_INVALID_FRAME', 'the protocol is not Modbus, or there is no function');
    return { transaction: frame.readUInt16BE(0), unit: frame[6]!, pdu: frame.subarray(HEAD) };
  },
  encode({ transaction, unit, pdu }: Message): Buffer {
    const head = Buffer.alloc(HEAD); // the length is filled in
    head.writeUInt16BE(transaction, 0);
    head[6] = unit;
    return Buffer.concat([head, pdu]);
  },
});

const [ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE] = [1, 2, 3];

/** What a request is refused with. */
class ModbusException extends Error {
  constructor(readonly code: number) {
    super(`exception ${code}`);
  }
}

/** What the device has: 1000 of each. Inputs are the device's own, and only read. */
const coils = new Uint8Array(1_000);
const discreteInputs = new Uint8Array(1_000).map((_, address) => address % 2);
const holdingRegisters = new Uint16Array(1_000);
const inputRegisters = new Uint16Array(1_000).map((_, address) => address * 3);

/** By function: what is done with the data after it, and what the response holds. */
const FUNCTIONS: Record<number, (data: Buffer) => Buffer> = {
  1: (data) => bitsOf(range(data, coils, 2_000)),
  2: (data) => bitsOf(range(data, discreteInputs, 2_000)),
  3: (data) => wordsOf(range(data, holdingRegisters, 125)),
  4: (data) => wordsOf(range(data, inputRegisters, 125)),
  5(data) {
    const value = uint16(data, 2);
    if (value !== 0 && value !== 0xff00) throw new ModbusException(ILLEGAL_VALUE);
    at(coils, uint16(data, 0), 1)[0] = value === 0 ? 0 : 1;
    return data; // the response to a write of one value is the request
  },
  6(data) {
    at(holdingRegisters, uint16(data, 0), 1)[0] = uint16(data, 2);
    return data;
  },
  15(data) {
    const values = dataOf(data, 1_968, (count) => Math.ceil(count / 8));
    const target = range(data, coils, 1_968);
    for (const index of target.keys()) target[index] = (values[index >> 3]! >> (index & 7)) & 1;
    return data.subarray(0, 4); // that to a write of several is their place
  },
  16(data) {
    const values = dataOf(data, 123, (count) => count * 2);
    const target = range(data, holdingRegisters, 123);
    for (const index of target.keys()) target[index] = values.readUInt16BE(index * 2);
    return data.subarray(0, 4);
  },
};

function uint16(data: Buffer, offset: number): number {
  if (data.length < offset + 2) throw new ModbusException(ILLEGAL_VALUE);
  return data.readUInt16BE(offset);
}

function at<T extends Uint8Array | Uint16Array>(values: T, address: number, count: number): T {
  if (address + count > values.length) throw new ModbusException(ILLEGAL_ADDRESS);
  return values.subarray(address, address + count) as T;
}

/** The values that an address and a count name. */
function range<T extends Uint8Array | Uint16Array>(data: Buffer, values: T, most: number): T {
  const count = uint16(data, 2);
  if (count === 0 || count > most) throw new ModbusException(ILLEGAL_VALUE);
  return at(values, uint16(data, 0), count);
}

/** The values of a write, after their size in bytes, which has to be that of their count. */
function dataOf(data: Buffer, most: number, sizeOf: (count: number) => number): Buffer {
  const size = sizeOf(Math.min(uint16(data, 2), most));
  if (data[4] !== size || data.length !== 5 + size) throw new ModbusException(ILLEGAL_VALUE);
  return data.subarray(5);
}

/** A size in bytes, then eight bits a byte, low ones first. */
function bitsOf(values: Uint8Array): Buffer {
  const bytes = Buffer.alloc(1 + Math.ceil(values.length / 8));
  bytes[0] = bytes.length - 1;
  values.forEach((value, index) => (bytes[1 + (index >> 3)]! |= value << (index & 7)));
  return bytes;
}

/** A size in bytes, then the words. */
function wordsOf(values: Uint16Array): Buffer {
  const bytes = Buffer.alloc(1 + values.length * 2);
  bytes[0] = bytes.length - 1;
  values.forEach((value, index) => bytes.writeUInt16BE(value, 1 + index * 2));
  return bytes;
}

function respond(pdu: Buffer): Buffer {
  const code = pdu[0]!;
  try {
    const run = FUNCTIONS[code];
    if (run === undefined) throw new ModbusException(ILLEGAL_FUNCTION);
    return Buffer.concat([pdu.subarray(0, 1), run(pdu.subarray(1))]);
  } catch (error) {
    if (!(error instanceof ModbusException)) throw error;
    return Buffer.from([code | 0x80, error.code]);
  }
}

const device = new PeerNode({ codec: modbus, idleTimeoutMs: 10 * 60_000 }).use({
  onMessage: ({ pdu, ...head }, client) => client.send({ ...head, pdu: respond(pdu) }),
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void device.close());
const address = await device.listen({ host: '127.0.0.1', port: Number(process.argv[2] ?? 502) });
console.log(`modbus at ${address}`);
