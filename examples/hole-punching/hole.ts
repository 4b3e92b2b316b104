/** How the two get together once they know of each other. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { lines } from '@pea2pea/codecs';
import {
  contextKey,
  PeerError,
  PeerNode,
  type Connection,
  type Handshake,
  type PeerErrorCode,
  type SocketAddress,
} from '@pea2pea/core';
import { OnHandshake, OnMessage, Peer } from '@pea2pea/decorators';
import { inject } from 'inversify';

/** Both dialled, so that `direction` tells nobody apart. */
export type Role = 'first' | 'second';
export const role = contextKey<Role>('role');

/** What only the two know. */
export const SECRET = Symbol('secret');

const NONCE_BYTES = 16;
const PROOF_BYTES = 32;

/** A firewall that drops what it does not know makes an attempt take this long. */
const ATTEMPT_MS = 2_000;
/** Where a refusal comes at once, SYNs cross within microseconds only: the more attempts, the sooner. */
const PAUSE_PROBABILITY = 0.1;
/** The two must not try in step. */
const MAX_PAUSE_MS = 3;

const TRY_AGAIN: ReadonlySet<PeerErrorCode> = new Set([
  'P2P_ERR_CONNECT_FAILED',
  'P2P_ERR_CONNECT_TIMEOUT',
  'P2P_ERR_HANDSHAKE_ENDED',
  'P2P_ERR_HANDSHAKE_TIMEOUT',
]);

/** Speaks with one other, who knows the secret. */
@Peer({ codec: lines({ maxLength: 100 }) })
export class Partner {
  /** Called with what the other says. */
  onWords: (text: string) => void = () => {};

  constructor(
    private readonly node: PeerNode<string>,
    @inject(SECRET) private readonly secret: Buffer,
  ) {}

  /**
   * Dials `to` from `from`, again and again, until the other does it at the same time: the SYN that we send opens our
   * firewall for the one that comes, and TCP makes one connection of both (RFC 9293, section 3.5).
   *
   * @throws {PeerError} P2P_ERR_ABORTED when `signal` aborts
   */
  async punch(
    from: SocketAddress,
    to: SocketAddress,
    signal: AbortSignal,
  ): Promise<{ connection: Connection<string>; attempts: number }> {
    const { clock, random } = this.node.config;
    const options = { localAddress: from.host, localPort: from.port, timeoutMs: ATTEMPT_MS, signal };
    for (let attempts = 1; ; attempts++) {
      try {
        return { connection: await this.node.connect(to, options), attempts };
      } catch (error) {
        if (!PeerError.is(error) || !TRY_AGAIN.has(error.code)) throw error;
      }
      if (random.next() > PAUSE_PROBABILITY) continue;
      const pauseMs = Math.round(MAX_PAUSE_MS * random.next());
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, pauseMs));
    }
  }

  /** Whoever finds the hole can knock: the other proves that it is who the rendezvous meant. */
  @OnHandshake()
  async prove(handshake: Handshake): Promise<void> {
    const own = randomBytes(NONCE_BYTES);
    await handshake.write(own);
    const others = await handshake.read(NONCE_BYTES);
    const order = own.compare(others);
    if (order === 0) handshake.reject('it says what we say');
    const [ours, theirs]: [Role, Role] = order > 0 ? ['first', 'second'] : ['second', 'first'];
    await handshake.write(this.#proof(ours, own, others));
    const proof = await handshake.read(PROOF_BYTES);
    if (!timingSafeEqual(proof, this.#proof(theirs, others, own))) handshake.reject('it has another secret');
    handshake.context.set(role, ours);
  }

  @OnMessage()
  onMessage(text: string): void {
    this.onWords(text);
  }

  #proof(whose: Role, own: Buffer, others: Buffer): Buffer {
    return createHmac('sha256', this.secret).update(whose).update(own).update(others).digest();
  }
}
