import type { Connection, DisconnectReason, Handshake } from '@pea2pea/core';
import { OnDisconnect, OnHandshake, Peer } from '@pea2pea/decorators';
import { handle, yamuxFrames, type FrameHeader, type YamuxStream } from '@pea2pea/streams';
import { answerIdentify, IDENTIFY } from './identify.js';
import { Identity, type PublicIdentity } from './identity.js';
import { answerPings, PING } from './ping.js';
import { REMOTE, upgrade } from './upgrade.js';

const PROTOCOLS = [PING, IDENTIFY] as const;
const AGENT = 'pea2pea-example/0.1.0';
const NEGOTIATION_TIMEOUT_MS = 5_000;

/** What a {@link Libp2pPeer} knows and tells. */
export class Libp2pNotes {
  readonly identity = new Identity();
  /** The peer ids of addresses that are dialled, by `host:port`. */
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
      expected:
        handshake.direction === 'outbound'
          ? this.notes.expected.get(handshake.address.toString())
          : undefined,
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

/** The end of a peer id: they all begin alike. */
function nameOf({ peerId }: PublicIdentity): string {
  return `…${peerId.slice(-6)}`;
}
