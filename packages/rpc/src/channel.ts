import { HANDLED, UnreadableFrame, type Connection, type DisconnectReason } from '@pea2pea/core';
import type { Batch } from './batch.js';
import { Calls, type CallsContext } from './calls.js';
import {
  isEnvelope,
  isId,
  isOldEnvelope,
  isOldResponse,
  readEnvelope,
  readOldEnvelope,
  RPC_CODES,
  type Envelope,
  type Incoming,
} from './envelope.js';
import type { ReceivedRequest } from './incoming-request.js';
import { Serving, type ServingContext } from './serving.js';
import { traceOf } from './trace-context.js';
import { TurnShare } from './turn-share.js';

/** What both directions need from their node. */
export interface ChannelContext extends CallsContext, ServingContext {
  readonly maxBatch: number;
  readonly exclusive: boolean;
}

/** Both directions of one connection: sorts what comes in. */
export class Channel {
  readonly calls: Calls;
  readonly serving: Serving;
  readonly #connection: Connection;
  readonly #context: ChannelContext;

  constructor(connection: Connection, context: ChannelContext) {
    this.#connection = connection;
    this.#context = context;
    this.calls = new Calls(connection, context, () => this.serving.onCall());
    this.serving = new Serving(connection, context, this.calls);
  }

  /** Takes a message that {@link isForUs}. The next one waits for the promise, if that is what it returns. */
  receive(message: unknown): typeof HANDLED | Promise<typeof HANDLED> {
    if (isEnvelope(message)) this.#take(message, readEnvelope(message));
    else if (UnreadableFrame.is(message))
      this.serving.refuseInvalid(null, 'parse error', RPC_CODES.parseError);
    else if (Array.isArray(message)) return this.#takeBatch(message);
    else this.#takeOther(message);
    return this.serving.pause ?? HANDLED;
  }

  end(reason: DisconnectReason): void {
    this.calls.end(reason);
    this.serving.end(reason);
  }

  #takeBatch(members: readonly unknown[]): typeof HANDLED | Promise<typeof HANDLED> {
    const { maxBatch } = this.#context;
    if (members.length === 0 || members.length > maxBatch) {
      const why = members.length === 0 ? 'the batch is empty' : `a batch has at most ${maxBatch} members`;
      this.serving.refuseInvalid(null, why);
      return HANDLED;
    }
    const batch = this.serving.beginBatch();
    const taken = this.#takeMembers(members, 0, batch);
    if (taken < members.length) return this.#takeRest(members, taken, batch);
    batch.settle();
    return this.serving.pause ?? HANDLED;
  }

  /** Takes members of a batch, from `start` on, as far as one turn has time for them; returns where it stopped. */
  #takeMembers(members: readonly unknown[], start: number, batch: Batch): number {
    const share = new TurnShare();
    let next = start;
    while (next < members.length && !share.isSpent) {
      const startMs = this.#context.now();
      const member = members[next++];
      if (isEnvelope(member)) this.#take(member, readEnvelope(member), batch);
      else this.serving.refuseMember(null, 'a member of the batch is not a JSON-RPC 2.0 object', batch);
      share.add(this.#context.now() - startMs);
    }
    return next;
  }

  /** The members of a batch that its first turn had no time for. Its connection does not end in order before them. */
  async #takeRest(members: readonly unknown[], start: number, batch: Batch): Promise<typeof HANDLED> {
    const hold = this.#connection.hold();
    for (let next = start; next < members.length; next = this.#takeMembers(members, next, batch)) {
      await new Promise<void>((resolve) => this.#context.nextTurn(resolve));
      if (this.serving.hasEnded) break;
    }
    batch.settle();
    hold.release();
    return this.serving.pause ?? HANDLED;
  }

  #take(message: Envelope, incoming: Incoming, batch?: Batch): void {
    switch (incoming.kind) {
      case 'request':
        if (incoming.id === undefined && this.#isOfDialect(incoming)) return;
        this.serving.take(incoming, batch, traceOf(message, this.#context.dialect.trace));
        break;
      case 'response':
        this.calls.answer(incoming.id, incoming.answer);
        break;
      case 'invalid': {
        const { id, why, hasMethod } = incoming;
        // A response that left out its result: to reply to it would make no sense to anyone.
        if (!hasMethod && this.calls.hasSent(id)) this.calls.answer(id, undefined);
        else if (batch === undefined) this.serving.refuseInvalid(id, why);
        else this.serving.refuseMember(id, why, batch);
      }
    }
  }

  /** A message without `jsonrpc`. */
  #takeOther(message: unknown): void {
    const { version } = this.#context;
    if (version === '1.0' && isOldEnvelope(message)) {
      this.#take(message, readOldEnvelope(message));
    } else if (isOldResponse(message) && this.calls.answerOld(message.id)) {
      // Its call knows why.
    } else {
      const id: unknown = typeof message === 'object' && message !== null ? (message as Envelope).id : null;
      this.serving.refuseInvalid(isId(id) ? id : null, 'the message is not a JSON-RPC 2.0 object');
    }
  }

  /** Cancellations and progress, which are not for a method of ours. */
  #isOfDialect({ method, params }: ReceivedRequest): boolean {
    const { dialect, handlers } = this.#context;
    const { cancel, progress } = dialect;
    if (method !== cancel?.method && method !== progress?.method) return false;
    if (handlers.has(method)) return false; // whoever serves it has other plans
    if (params === undefined) return true;
    if (method === cancel?.method) {
      for (const id of cancel.idsIn(params)) this.serving.cancel(id);
      return true;
    }
    const { token, value } = progress!.read(params);
    return this.calls.progress(token, value);
  }
}

/** Whether `message` may be JSON-RPC; `calls` are those of its connection, if there are any. */
export function isForUs(
  message: unknown,
  { version, exclusive }: Pick<ChannelContext, 'version' | 'exclusive'>,
  calls: Calls | undefined,
): boolean {
  if (isEnvelope(message) || exclusive || UnreadableFrame.is(message)) return true;
  if (Array.isArray(message)) return message.length === 0 || message.some(isEnvelope);
  if (version === '1.0') return isOldEnvelope(message);
  return calls !== undefined && calls.size > 0 && isOldResponse(message) && calls.has(message.id);
}
