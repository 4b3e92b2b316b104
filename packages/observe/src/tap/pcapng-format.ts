import type { FlowAbout, Format, Layer, Way } from './format.js';
import { TcpFlow, type Packet } from './packets.js';
import { enhancedPacket, interfaceDescription, interfaceStatistics, sectionHeader } from './pcapng.js';

/** Longer than what is kept of any frame and its headers. */
const HEADERS = 60;
/** Ports of ends that have none begin here. */
const FIRST_PORT = 40_000;
const PORTS = 20_000;

const INTERFACES = [
  ['plain', 'what the codec reads and writes'],
  ['wire', 'what the network carries, below secure channels'],
] as const satisfies readonly (readonly [Layer, string])[];
const INTERFACE_OF: Readonly<Record<Layer, number>> = { plain: 0, wire: 1 };

interface Flow {
  readonly layer: Layer;
  readonly ends: string;
  readonly tcp: TcpFlow;
}

/**
 * A pcapng file for Wireshark: an interface for each layer, and the streams as TCP connections.
 *
 * note: Wireshark takes packets with the same addresses and ports for one connection, whatever their interface. A plain
 * stream of which the wire is recorded, too, has another port on the side that dialled.
 */
export function pcapng(mostBytes: number): Format {
  const flows = new Map<number, Flow>();
  const seen = INTERFACES.map(() => ({ received: 0, dropped: 0 }));
  /** The ends of streams whose wire is recorded. */
  const wires = new Set<string>();

  const write = ({ layer }: Flow, packets: readonly Packet[], atMs: number, comment?: string): Buffer =>
    Buffer.concat(
      packets.map(({ way, headers, payload }, index) => {
        seen[INTERFACE_OF[layer]]!.received++;
        return enhancedPacket({
          interface: INTERFACE_OF[layer],
          atMs,
          inbound: way === 'received',
          pieces: [headers, payload],
          length: headers.length + payload.length,
          comment: index === 0 ? comment : undefined,
        });
      }),
    );

  return {
    begin: () =>
      Buffer.concat([
        sectionHeader('pea2pea'),
        ...INTERFACES.map(([name, what]) => interfaceDescription(name, what, mostBytes + HEADERS)),
      ]),

    open(number, about, atMs) {
      const { layer, local, peer, direction } = about;
      const ends = `${local} ${peer}`;
      const spare = FIRST_PORT + (number % PORTS);
      const isMoved = layer === 'plain' && wires.has(ends);
      if (layer === 'wire') wires.add(ends);
      const tcp = new TcpFlow(local, peer, direction === 'outbound', spare, isMoved);
      const flow = { layer, ends, tcp };
      flows.set(number, flow);
      return write(flow, tcp.open(), atMs, commentOf(about));
    },

    bytes(number, way, bytes, length, atMs) {
      const flow = flows.get(number);
      if (flow === undefined) return Buffer.alloc(0);
      const packets = write(flow, flow.tcp.data(way, bytes), atMs);
      flow.tcp.skip(way, length - bytes.length);
      return packets;
    },

    skip(number: number, way: Way, length: number) {
      const flow = flows.get(number);
      if (flow === undefined) return;
      flow.tcp.skip(way, length);
      const counts = seen[INTERFACE_OF[flow.layer]]!;
      counts.received++;
      counts.dropped++;
    },

    close(number, atMs) {
      const flow = flows.get(number);
      if (flow === undefined) return Buffer.alloc(0);
      flows.delete(number);
      if (flow.layer === 'wire') wires.delete(flow.ends);
      return write(flow, flow.tcp.close(), atMs);
    },

    end: (_, atMs) => Buffer.concat(seen.map((counts, index) => interfaceStatistics(index, atMs, counts))),
  };
}

/** For people, in the first packet of a stream. */
function commentOf({ layer, node, connection, local, peer }: FlowAbout): string {
  const which = connection === undefined ? '' : `, connection ${connection}`;
  const whose = node === undefined ? '' : ` of ${node}`;
  return `${layer} bytes${whose}${which}: ${local} and ${peer}`;
}
