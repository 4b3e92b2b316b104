import {
  PeerError,
  SocketAddress,
  type Connection,
  type DisconnectReason,
  type Handshake,
  type PeerNode,
} from '@pea2pea/core';
import { OnDisconnect, OnHandshake, Peer } from '@pea2pea/decorators';
import { handle, yamuxFrames, type FrameHeader, type YamuxStream } from '@pea2pea/streams';
import { answerIdentify, IDENTIFY } from './identify.js';
import { Identity, type PublicIdentity } from './identity.js';
import { answerPings, PING } from './ping.js';
import { parseMultiaddr } from './multiaddr.js';
import { REMOTE, upgrade } from './upgrade.js';

const PROTOCOLS = [PING, IDENTIFY] as const;
const AGENT = 'pea2pea-example/0.1.0';
const NEGOTIATION_TIMEOUT_MS = 5_000;

/** What a {@link Libp2pPeer} knows and tells. */
export class Libp2pNotes {
  readonly identity = new Identity();
  /** The peer ids of addresses that are being dialled, by the text of the `SocketAddress`. See {@link dial}. */
  readonly expected = new Map<string, string>();
  /** Is told what happens, for the transcript. */
  readonly tell: (what: string) => void;

  constructor(tell: (what: string) => void = () => {}) {
    this.tell = tell;
  }
}

/** A peer that libp2p nodes take for one of theirs: it answers pings, and says who it is. */
@Peer({ codec: yamuxFrames, listen: { host: '127.0.0.1', port: 0 }, inject: [Libp2pNotes] })
export class Libp2pPeer {
  constructor(private readonly notes: Libp2pNotes) {}

  @OnHandshake()
  async secure(handshake: Handshake): Promise<void> {
    await upgrade(handshake, {
      identity: this.notes.identity,
      // By what was dialled, not by where that led: a name has many addresses.
      expected: this.notes.expected.get(String(handshake.dialled)),
      onStream: (stream, remote) => this.serve(stream, remote),
    });
  }

  @OnDisconnect()
  gone({ context }: Connection<FrameHeader, never>, { origin }: DisconnectReason): void {
    this.notes.tell(`${nameOf(context.get(REMOTE)!)} is gone: ${origin}`);
  }

  /** A stream that the peer opened. What is thrown here resets it, and hurts no other. */
  private async serve(stream: YamuxStream, remote: PublicIdentity): Promise<void> {
    const signal = AbortSignal.timeout(NEGOTIATION_TIMEOUT_MS);
    const protocol = await handle(stream, PROTOCOLS, { signal });
    this.notes.tell(`${nameOf(remote)} opens ${protocol}`);
    switch (protocol) {
      case PING:
        return answerPings(stream);
      case IDENTIFY:
        return answerIdentify(stream, this.notes.identity.publicIdentity.bytes, {
          agentVersion: AGENT,
          protocols: PROTOCOLS,
        });
    }
  }
}

/**
 * Dials an address, and whom it names.
 * @throws {PeerError} P2P_ERR_HANDSHAKE_REJECTED when somebody else is there; as `connect` does
 */
export async function dial(
  node: PeerNode<FrameHeader, never>,
  { expected }: Libp2pNotes,
  address: string,
): Promise<Connection<FrameHeader, never>> {
  const { host, port, peerId } = parseMultiaddr(address);
  const target = new SocketAddress(host, port);
  if (peerId !== undefined) expected.set(target.toString(), peerId);
  try {
    const connection = await node.connect(target);
    // Once more, so that a mistake in what comes before lets nobody in.
    const found = connection.context.get(REMOTE)?.peerId;
    if (peerId === undefined || found === peerId) return connection;
    await connection.disconnect();
    throw new PeerError('P2P_ERR_HANDSHAKE_REJECTED', `expected ${peerId}, found ${String(found)}`);
  } finally {
    expected.delete(target.toString());
  }
}

/** The end of a peer id: they all begin alike. */
function nameOf({ peerId }: PublicIdentity): string {
  return `…${peerId.slice(-6)}`;
}
