import { encodeToBuffer, PeerError } from '@pea2pea/core';
import { BoundedMap, isPromise, LogThrottle, peerFields } from '@pea2pea/core/authoring';
import type { Channel, MessageAbout, Verdict } from './channel.js';
import { shuffled } from './mesh.js';
import type { Parts } from './parts.js';
import type { GossipPeer } from './peer.js';
import { idOf, isAuthentic, publicationOf, type MessageId, type Publication } from './publication.js';
import type { Teller } from './teller.js';

/** What became of a message that this node has published. */
export interface Published {
  /** The same everywhere: 32 hexadecimal digits. */
  readonly id: string;
  /** To how many peers it went at once. */
  readonly sentTo: number;
  /** How many were too slow for it; they are told later that it is there. */
  readonly notSentTo: number;
  /** False where it had been published before, with `ids: 'content'`: nothing was done. */
  readonly isNew: boolean;
}

/** A message that is being looked at. */
interface Arrival {
  readonly id: MessageId;
  readonly channel: Channel;
  readonly publication: Publication;
  readonly publishedAtMs: number;
  readonly peer: GossipPeer;
  /** Others that have it. */
  readonly sources: readonly GossipPeer[];
  readonly about: MessageAbout;
}

/** Payloads up to this size are sent to whoever would rather be told of them: the word is as long. In bytes. */
const SMALL = 128;

/** Takes messages, has them validated, passes them on. */
export class Relay {
  readonly #parts: Parts;
  readonly #teller: Teller;
  readonly #seen: BoundedMap<{ readonly untilMs: number; isRejected: boolean }>;
  readonly #faultLog: LogThrottle;
  #validating = 0;

  constructor(parts: Parts, teller: Teller) {
    this.#parts = parts;
    this.#teller = teller;
    this.#seen = new BoundedMap({
      maxEntries: parts.options.maxSeen,
      isOver: ({ untilMs }, nowMs) => untilMs <= nowMs,
    });
    this.#faultLog = new LogThrottle(parts.node.config.clock, 60_000);
  }

  /** How many messages are remembered as seen. */
  get seen(): number {
    return this.#seen.size;
  }

  /** How many were forgotten early. */
  get forgotten(): number {
    return this.#seen.evicted;
  }

  hasSeen(id: MessageId): boolean {
    return this.#seen.get(id, this.#nowMs()) !== undefined;
  }

  /** @throws {PeerError} P2P_ERR_FRAME_TOO_LARGE; whatever the encoder throws */
  publish(channel: Channel, message: unknown): Published {
    const { options, account, history, peers, outlet } = this.#parts;
    const payload = encodeToBuffer(channel.codec, message);
    if (payload.length > options.maxMessageBytes) {
      const what = `a message has ${payload.length} bytes, the limit is ${options.maxMessageBytes}`;
      throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', what, {
        remedy: 'publish less at once, or raise `maxMessageBytes`',
      });
    }
    const publication = publicationOf(channel.name, payload, this.#nonce(), options.signer);
    const id = idOf(publication, options.ids);
    if (this.hasSeen(id)) return { id: toHex(id), sentTo: 0, notSentTo: 0, isNew: false };
    const nowMs = this.#nowMs();
    this.#see(id);
    this.#parts.wanted.settle(id);
    history.add(id, publication, nowMs, nowMs);
    account.count('published');
    const members = [...channel.mesh.members()].map(({ peer }) => peer);
    const others = [...peers.values()].filter(
      (peer) => peer.topics.has(channel.name) && channel.mesh.get(peer) === undefined,
    );
    const missing = Math.max(0, options.floodPublish - members.length);
    const targets = [...members, ...shuffled(others, this.#parts.node.config.random).slice(0, missing)];
    let [sentTo, notSentTo] = [0, 0];
    for (const peer of targets) {
      if (!this.#mayHave(peer)) continue;
      if (outlet.message(peer, publication, 0)) sentTo++;
      else notSentTo++;
    }
    return { id: toHex(id), sentTo, notSentTo, isNew: true };
  }

  /** Returns a promise where the peer has to wait for a handler. */
  onMessage(peer: GossipPeer, ageMs: number, publication: Publication): void | Promise<void> {
    const { options, account, channels, wanted } = this.#parts;
    const channel = channels.get(publication.topic);
    if (channel?.handler === undefined) return account.drop('noSubscription');
    const id = idOf(publication, options.ids);
    const named = wanted.settle(id);
    const nowMs = this.#nowMs();
    const seen = this.#seen.get(id, nowMs);
    if (seen !== undefined) return this.#onRepeat(peer, channel, publication, seen.isRejected);
    channel.mesh.onFirst(peer);
    if (named?.wasAsked === true) {
      account.count('fetched');
      if (channel.mesh.unchokeOne(peer)) this.#say(peer, channel, 'eager');
    }
    this.#see(id);
    if (ageMs > options.historyMs) return account.drop('tooOld');
    const origin = publication.origin === '' ? undefined : publication.origin;
    const about = { id: toHex(id), topic: channel.name, origin, ageMs, from: peer.connection };
    const publishedAtMs = nowMs - ageMs;
    return this.#validate({
      id,
      channel,
      publication,
      publishedAtMs,
      peer,
      sources: named?.sources ?? [],
      about,
    });
  }

  #onRepeat(peer: GossipPeer, channel: Channel, { payload }: Publication, isRejected: boolean): void {
    const { account, judge, options } = this.#parts;
    account.count('duplicates');
    if (isRejected) judge.penalize(peer, 'invalid');
    else if (payload.length > SMALL && channel.mesh.onRepeat(peer, options.minEager)) {
      this.#say(peer, channel, 'lazy');
    }
  }

  #say(peer: GossipPeer, channel: Channel, type: 'lazy' | 'eager'): void {
    const isSaid = this.#parts.outlet.word(peer, { type, topic: channel.name });
    if (!isSaid && type === 'lazy') channel.mesh.unchokeOne(peer);
  }

  #validate(arrival: Arrival): void | Promise<void> {
    const { options, account } = this.#parts;
    const { channel, publication, about, id } = arrival;
    if (!isAuthentic(publication, options.signer)) return this.#reject(arrival);
    let message: unknown;
    try {
      message = channel.decode(publication.payload);
    } catch {
      return this.#reject(arrival);
    }
    if (channel.validate === undefined) return this.#accept(arrival, message);
    if (this.#validating >= options.maxValidating) {
      account.drop('tooBusy');
      this.#seen.delete(id); // it is taken when a peer names it again
      return undefined;
    }
    let verdict: Verdict | Promise<Verdict>;
    try {
      verdict = channel.validate(message, about);
    } catch (error) {
      return this.#onValidatorError(arrival, error);
    }
    if (!isPromise(verdict)) return this.#settle(arrival, message, verdict);
    this.#validating++;
    // Nobody waits for it: other messages of the peer may be valid sooner.
    void Promise.resolve(verdict)
      .then(
        (settled) => this.#settle(arrival, message, settled),
        (error: unknown) => this.#onValidatorError(arrival, error),
      )
      .finally(() => this.#validating--);
    return undefined;
  }

  #settle(arrival: Arrival, message: unknown, verdict: Verdict): void | Promise<void> {
    if (verdict === 'accept') return this.#accept(arrival, message);
    if (verdict === 'reject') return this.#reject(arrival);
    if (verdict === 'ignore') return this.#parts.account.drop('ignored');
    const what = '`validate` must return accept, reject or ignore';
    return this.#onValidatorError(arrival, new PeerError('P2P_ERR_INVALID_CONFIG', what));
  }

  #reject({ id, peer }: Arrival): void {
    const { account, judge } = this.#parts;
    account.drop('rejected');
    const seen = this.#seen.get(id, this.#nowMs());
    if (seen !== undefined) seen.isRejected = true;
    judge.penalize(peer, 'invalid');
  }

  #onValidatorError({ channel, peer }: Arrival, error: unknown): void {
    this.#parts.account.count('validatorErrors');
    this.#parts.account.drop('ignored');
    this.#logFault(channel, peer, error, 'the validator of a topic failed');
  }

  #accept(arrival: Arrival, message: unknown): void | Promise<void> {
    const { account, history } = this.#parts;
    const { id, channel, publication, publishedAtMs, peer } = arrival;
    account.count('delivered');
    peer.reward();
    history.add(id, publication, publishedAtMs, this.#nowMs());
    this.#passOn(arrival);
    return this.#hand(channel, message, arrival);
  }

  #passOn({ id, channel, publication, publishedAtMs, peer, sources }: Arrival): void {
    const { outlet } = this.#parts;
    const ageMs = Math.max(0, Math.round(this.#nowMs() - publishedAtMs));
    for (const member of channel.mesh.members()) {
      if (member.peer === peer || sources.includes(member.peer) || !this.#mayHave(member.peer)) continue;
      if (member.isLazy && publication.payload.length > SMALL) {
        outlet.word(member.peer, { type: 'have', topic: channel.name, ids: [id] });
      } else outlet.message(member.peer, publication, ageMs);
    }
  }

  #mayHave(peer: GossipPeer): boolean {
    const { judge, account } = this.#parts;
    if (judge.sendsTo(peer)) return true;
    account.drop('lowScore');
    return false;
  }

  #hand(channel: Channel, message: unknown, { peer, about }: Arrival): void | Promise<void> {
    const failed = (error: unknown): void => {
      this.#parts.account.count('handlerErrors');
      this.#logFault(channel, peer, error, 'the handler of a topic failed');
    };
    try {
      const returned = channel.handler?.(message, about);
      if (isPromise(returned)) return Promise.resolve(returned).catch(failed);
    } catch (error) {
      failed(error);
    }
    return undefined;
  }

  #logFault({ name }: Channel, { connection }: GossipPeer, error: unknown, what: string): void {
    this.#faultLog.run((suppressed) => {
      const fields = { ...peerFields(connection), topic: name, err: error, suppressed };
      this.#parts.node.logger.error(fields, what);
    });
  }

  /** A peer has messages. */
  onHave(peer: GossipPeer, topic: string, ids: readonly MessageId[]): void {
    const { judge, account, channels, wanted } = this.#parts;
    const looked = peer.take('haves', ids.length);
    if (looked < ids.length) {
      account.drop('tooManyHaves', ids.length - looked);
      if (peer.startsFlooding()) judge.penalize(peer, 'flood');
    }
    if (!judge.gossipsWith(peer)) return account.drop('lowScore', looked);
    if (channels.get(topic)?.handler === undefined) return;
    const nowMs = this.#nowMs();
    for (const id of ids.slice(0, looked)) {
      if (!this.hasSeen(id) && !wanted.add(id, peer, nowMs)) account.drop('notWanted');
    }
    this.#teller.awaitRound();
  }

  #see(id: MessageId): void {
    const nowMs = this.#nowMs();
    this.#seen.set(id, { untilMs: nowMs + this.#parts.options.seenMs, isRejected: false }, nowMs);
  }

  #nonce(): Buffer {
    const { random } = this.#parts.node.config;
    const nonce = Buffer.allocUnsafe(8);
    nonce.writeUInt32BE(Math.floor(random.next() * 2 ** 32), 0);
    nonce.writeUInt32BE(Math.floor(random.next() * 2 ** 32), 4);
    return nonce;
  }

  #nowMs(): number {
    return this.#parts.node.config.clock.now();
  }
}

function toHex(id: MessageId): string {
  return Buffer.from(id, 'latin1').toString('hex');
}
