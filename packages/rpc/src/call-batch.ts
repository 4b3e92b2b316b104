import { rejected } from '@pea2pea/core/authoring';
import type { Call, CallTerms } from './call.js';
import type { Calls } from './calls.js';
import { rpcDiagnostics } from './diagnostics.js';
import { requestOf, type Envelope } from './envelope.js';
import { rpcError } from './errors.js';
import type { Method } from './method.js';
import type { CallArguments, CallOptions } from './call-options.js';

/**
 * Calls and notifications that go out as one list, a batch of JSON-RPC 2.0. `Requests.batch` makes it.
 *
 * ```ts
 * const batch = requests.batch(connection);
 * const sum = batch.call(add, { a: 1, b: 2 });
 * batch.notify(log, { text: 'adding' });
 * batch.send();
 * console.log(await sum);
 * ```
 *
 * note: each call settles by itself, in any order, with the errors that `Requests.call` has. Deadlines run from `call` on,
 * so a batch that is never sent leaves nothing pending.
 */
export class CallBatch {
  readonly #calls: Calls;
  readonly #terms: (options: CallOptions, method: Method) => CallTerms;
  readonly #limit: number;
  readonly #members: Call[] = [];
  readonly #notifications: Envelope[] = [];
  #isSent = false;

  /** @internal */
  constructor(calls: Calls, limit: number, terms: (options: CallOptions, method: Method) => CallTerms) {
    this.#calls = calls;
    this.#limit = limit;
    this.#terms = terms;
  }

  /**
   * Adds a call, and settles with its outcome once the batch was sent.
   *
   * note: the promise may be ignored: its rejection is never unhandled.
   * @throws {PeerError} as `Requests.call`; P2P_ERR_TOO_MANY_REQUESTS also where the batch has as many members as
   * `maxBatch` and `maxPending` allow, or was sent
   */
  call<Result, SentParams>(
    method: Method<unknown, Result, SentParams>,
    ...[params, options = {}]: CallArguments<SentParams>
  ): Promise<Result> {
    try {
      this.#requireRoom();
      const terms = this.#terms(options, method);
      const add = (final: CallTerms): Promise<unknown> => this.#add(method, params, final);
      const call = rpcDiagnostics.call.hasSubscribers ? this.#calls.traced(method, terms, add) : add(terms);
      return call as Promise<Result>;
    } catch (error) {
      return rejected(error);
    }
  }

  #add(method: Method, params: unknown, terms: CallTerms): Promise<unknown> {
    const call = this.#calls.begin(method, params, terms);
    this.#members.push(call);
    this.#calls.watch(call);
    return call.promise;
  }

  /**
   * Adds a notification.
   * @throws {PeerError} P2P_ERR_TOO_MANY_REQUESTS as {@link call}
   */
  notify<SentParams>(
    method: Method<unknown, unknown, SentParams>,
    ...[params]: undefined extends SentParams ? [params?: SentParams] : [params: SentParams]
  ): this {
    this.#requireRoom();
    this.#notifications.push(requestOf('2.0', undefined, method.name, params));
    return this;
  }

  /**
   * Sends the batch, or has it wait for room. What cannot be sent rejects its calls. An empty batch is not sent.
   *
   * note: notifications that wait for room are lost where the connection ends first.
   * @throws {PeerError} where no calls are in it that could reject: P2P_ERR_DISCONNECTED when the connection has ended,
   * P2P_ERR_QUEUE_FULL, P2P_ERR_ENCODE_FAILED and what the encoder throws
   */
  send(): void {
    if (this.#isSent) return;
    this.#isSent = true;
    // One that was given up, or is over, meanwhile is not sent.
    const calls = this.#members.filter((call) => !call.isSettled);
    if (calls.length + this.#notifications.length === 0) return;
    try {
      this.#calls.send({ calls, notifications: this.#notifications });
    } catch (error) {
      if (calls.length === 0) throw error;
      for (const call of calls) call.reject(error);
    }
  }

  #requireRoom(): void {
    const size = this.#members.length + this.#notifications.length;
    if (!this.#isSent && size < this.#limit) return;
    const why = this.#isSent
      ? 'was sent'
      : `has ${size} members, the most that \`maxBatch\` and \`maxPending\` allow`;
    throw rpcError('P2P_ERR_TOO_MANY_REQUESTS', `the batch ${why}`);
  }
}
