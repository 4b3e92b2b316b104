import { createRequire } from 'node:module';
import { PeerError } from '@pea2pea/core';

/** A record of DNS. What `data` is depends on the type: a string for PTR, A and AAAA, `{ port, target }` for SRV, bytes for each string of TXT. */
export interface MdnsRecord {
  /** The name that it is of. */
  readonly name: string;
  /** PTR, SRV, TXT, A, AAAA; others are ignored. */
  readonly type: string;
  /** How long it may be kept, in seconds; 0 where it is over. */
  readonly ttl?: number;
  /** What it says. */
  readonly data?: unknown;
}

/** A message of multicast DNS. */
export interface MdnsPacket {
  /** Whether it asks, or tells. */
  readonly type: 'query' | 'response';
  /** What is asked for. */
  readonly questions?: readonly { readonly name: string; readonly type: string }[];
  /** What is told. */
  readonly answers?: readonly MdnsRecord[];
  /** What is told besides. */
  readonly additionals?: readonly MdnsRecord[];
}

/** Who sent a packet. */
export interface MdnsSender {
  /** Their IPv4 address. */
  readonly address: string;
  /** Their UDP port. */
  readonly port: number;
}

/** What a link calls. */
export interface MdnsLinkEvents {
  /** A packet came; also this node's own. */
  onPacket(packet: MdnsPacket, sender: MdnsSender): void;
  /** Something came that is not a packet. */
  onMalformed(): void;
  /** It could not be opened, or something could not be sent. */
  onFailure(error: unknown): void;
}

/** The local network, as far as multicast DNS goes. */
export interface MdnsLink {
  /** Sends a packet to all. */
  send(packet: MdnsPacket): void;
  /** Sends a last packet, where there is one, and closes. */
  close(last?: MdnsPacket): Promise<void>;
}

/** What of the library is used. */
interface MulticastDns {
  on(event: 'packet', listener: (packet: MdnsPacket, sender: MdnsSender) => void): void;
  on(event: 'warning' | 'error', listener: (error: unknown) => void): void;
  query(packet: MdnsPacket, done: (error?: unknown) => void): void;
  respond(packet: MdnsPacket, done: (error?: unknown) => void): void;
  destroy(done: () => void): void;
}

const requireHere = createRequire(import.meta.url);

/**
 * What opens a link over UDP. The library is loaded here: an `import` of what is missing would fail before any code of ours could say what to do.
 * @throws {PeerError} P2P_ERR_UNSUPPORTED when `multicast-dns` is not installed
 */
export function multicastLink(settings: {
  readonly port: number;
  readonly interface: string | undefined;
}): (events: MdnsLinkEvents) => MdnsLink {
  const library = loadLibrary();
  // Linux gives a socket that is bound to the address of an interface no multicast.
  const options = { ...settings, bind: '0.0.0.0' };
  return (events) => {
    const link = library(options);
    link.on('packet', (packet, sender) => events.onPacket(packet, sender));
    link.on('warning', () => events.onMalformed());
    link.on('error', (error) => events.onFailure(error));
    const failed = (error: unknown): void => {
      if (error !== null && error !== undefined) events.onFailure(error);
    };
    return {
      send: (packet) => (packet.type === 'query' ? link.query(packet, failed) : link.respond(packet, failed)),
      close: (last) =>
        new Promise<void>((resolve) => {
          const destroy = (): void => link.destroy(resolve);
          if (last === undefined) destroy();
          else link.respond(last, destroy);
        }),
    };
  };
}

function loadLibrary(): (options: object) => MulticastDns {
  try {
    return requireHere('multicast-dns') as (options: object) => MulticastDns;
  } catch (cause) {
    throw new PeerError('P2P_ERR_UNSUPPORTED', 'mdns() cannot load multicast-dns', {
      cause,
      remedy: 'run `npm install multicast-dns@7`',
    });
  }
}
