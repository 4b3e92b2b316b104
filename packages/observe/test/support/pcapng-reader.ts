/** A reader of pcapng files that shares nothing with the writer: as much of it as the tests look at. */
export interface Block {
  readonly name: 'section' | 'interface' | 'packet' | 'statistics';
  readonly body: Buffer;
  readonly options: ReadonlyMap<number, Buffer>;
  readonly dropped: number;
}

const NAMES: Readonly<Record<number, Block['name']>> = {
  0x0a0d0d0a: 'section',
  1: 'interface',
  5: 'statistics',
  6: 'packet',
};
const FIXED: Readonly<Record<Block['name'], number>> = {
  section: 16,
  interface: 8,
  statistics: 12,
  packet: 20,
};

export function blocksIn(file: Buffer): Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < file.length;) {
    const name = NAMES[file.readUInt32LE(at)];
    const length = file.readUInt32LE(at + 4);
    if (name === undefined || length % 4 !== 0) throw new Error(`not a block at ${at}`);
    if (file.readUInt32LE(at + length - 4) !== length)
      throw new Error(`the block at ${at} does not end as it begins`);
    const body = file.subarray(at + 8, at + length - 4);
    const kept = name === 'packet' ? Math.ceil(body.readUInt32LE(12) / 4) * 4 : 0;
    const options = optionsIn(body.subarray(FIXED[name] + kept));
    blocks.push({ name, body, options, dropped: Number(options.get(5)?.readBigUInt64LE() ?? 0) });
    at += length;
  }
  return blocks;
}

function optionsIn(bytes: Buffer): Map<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length;) {
    const [code, length] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2)];
    if (code === 0) break;
    options.set(code, bytes.subarray(at + 4, at + 4 + length));
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return options;
}

export interface Read {
  readonly layer: string;
  readonly way: 'sent' | 'received';
  readonly flags: string;
  readonly from: string;
  readonly to: string;
  readonly seq: number;
  readonly payload: Buffer;
  readonly comment: string | undefined;
  readonly ipSum: number;
  readonly tcpSum: number;
}

export function packetsIn(file: Buffer): Read[] {
  const blocks = blocksIn(file);
  const layers = blocks
    .filter(({ name }) => name === 'interface')
    .map(({ options }) => String(options.get(2)));
  return blocks
    .filter(({ name }) => name === 'packet')
    .map(({ body, options }) => {
      const packet = body.subarray(20, 20 + body.readUInt32LE(12));
      const isV6 = packet[0]! >> 4 === 6;
      const [header, size] = isV6 ? [40, 16] : [20, 4];
      const [source, target] = [header - 2 * size, header - size].map((at) => packet.subarray(at, at + size));
      const tcp = packet.subarray(header);
      const flags = tcp[13]!;
      const names = Object.entries({ FIN: 1, SYN: 2, ACK: 16 }).filter(([, bit]) => (flags & bit) !== 0);
      return {
        layer: layers[body.readUInt32LE(0)]!,
        way: options.get(2)!.readUInt32LE() === 1 ? 'received' : 'sent',
        flags: names.map(([name]) => name).join(' '),
        from: `${source!.toString('hex')}:${tcp.readUInt16BE(0)}`,
        to: `${target!.toString('hex')}:${tcp.readUInt16BE(2)}`,
        seq: tcp.readUInt32BE(4),
        payload: tcp.subarray(20),
        comment: options.get(1)?.toString(),
        ipSum: isV6 ? 0xffff : onesSum(packet.subarray(0, 20)),
        tcpSum: onesSum(
          Buffer.concat([source!, target!, Buffer.of(0, 6, tcp.length >> 8, tcp.length & 255), tcp]),
        ),
      };
    });
}

/** What each connection carried, in the order of their first packets. */
export function streamsIn(file: Buffer): { layer: string; sent: string; received: string }[] {
  const streams = new Map<string, { layer: string; sent: string; received: string }>();
  for (const { layer, way, from, to, payload } of packetsIn(file)) {
    const key = [from, to].sort().join();
    const stream = streams.get(key) ?? { layer, sent: '', received: '' };
    stream[way] += payload.toString('latin1');
    streams.set(key, stream);
  }
  return [...streams.values()];
}

/** RFC 1071: all ones where a checksum inside is right. */
function onesSum(bytes: Buffer): number {
  let sum = 0;
  const even = bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.of(0)]);
  for (let at = 0; at < even.length; at += 2) sum += even.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
