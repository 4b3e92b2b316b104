/** How beacons travel. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const GROUP = '239.255.80.69'; // RFC 2365: for use inside an organization
/** A router does not pass them on. */
const TTL = 1;
const PROBE_MS = 300;
/** Where there is no multicast: so many ports of this machine, one for each node. */
const PORTS = 16;
const LOOPBACK = '127.0.0.1';

type OnDatagram = (bytes: Buffer, host: string) => void;

/** The end that one node has of a medium. */
export interface Channel {
  /** To everybody, this node included. Whether it arrives nobody knows. */
  send(bytes: Buffer): void;
  close(): void;
}

export interface Medium {
  readonly description: string;
  open(onDatagram: OnDatagram): Promise<Channel>;
}

/** UDP multicast on the network of an own address. */
export function multicast(ownAddress: string, port: number): Medium {
  return {
    description: `multicast ${GROUP} on ${ownAddress}`,
    async open(onDatagram) {
      const socket = await bound(port, '0.0.0.0', onDatagram);
      socket.addMembership(GROUP, ownAddress);
      socket.setMulticastInterface(ownAddress);
      socket.setMulticastLoopback(true);
      socket.setMulticastTTL(TTL);
      return { send: (bytes) => socket.send(bytes, port, GROUP, ignore), close: () => socket.close() };
    },
  };
}

/** UDP to a range of ports of this machine. */
function loopbackPorts(first: number): Medium {
  const ports = Array.from({ length: PORTS }, (_, index) => first + index);
  return {
    description: `${PORTS} ports of loopback, instead of multicast`,
    async open(onDatagram) {
      for (const port of ports) {
        const socket = await bound(port, LOOPBACK, onDatagram, false).catch(() => undefined);
        if (socket === undefined) continue;
        const send = (bytes: Buffer): void => {
          for (const each of ports) socket.send(bytes, each, LOOPBACK, ignore);
        };
        return { send, close: () => socket.close() };
      }
      throw new Error(`all of ${PORTS} ports are taken`);
    },
  };
}

/** A medium for this machine alone, which nobody else uses: multicast, if it works and `unicast` is not wanted. */
export async function privateMedium(unicast: boolean): Promise<Medium> {
  const probe = await bound(0, '0.0.0.0', () => {});
  const { port } = probe.address();
  probe.close();
  const medium = multicast(LOOPBACK, port);
  return !unicast && (await works(medium)) ? medium : loopbackPorts(Math.min(port, 65_535 - PORTS));
}

/** Whether two that use it hear each other. */
async function works(medium: Medium): Promise<boolean> {
  const channels: Channel[] = [];
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<boolean>((resolve, reject) => {
      timer = setTimeout(() => resolve(false), PROBE_MS);
      const open = async (): Promise<void> => {
        channels.push(await medium.open(() => resolve(true)));
        channels.push(await medium.open(() => {}));
        channels[1]!.send(Buffer.from('is anybody there?'));
      };
      open().catch(reject);
    });
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    for (const channel of channels) channel.close();
  }
}

async function bound(
  port: number,
  address: string,
  onDatagram: OnDatagram,
  reuseAddr = true,
): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr });
  socket.on('message', (bytes, sender) => onDatagram(bytes, sender.address));
  socket.bind({ port, address });
  await once(socket, 'listening'); // rejects with an error
  socket.on('error', ignore);
  return socket;
}

/** A beacon that is lost is followed by others. */
function ignore(): void {}
