import type { Duplex } from 'node:stream';
import { NEED_MORE, type Decoder, type Encoder, type NeedMore } from '../contracts/codec.js';
import type { ConnectionContext } from '../contracts/connection-context.js';
import type { Direction } from '../contracts/direction.js';
import { describe, wordsOf } from '../errors/describe.js';
import { PeerError } from '../errors/errors.js';
import type { Detached, Handshake, UpgradeOptions } from '../contracts/handshake.js';
import type { SocketAddress } from '../net/socket-address.js';
import type { ConnectionLimits } from '../contracts/limits.js';
import type { Link, WriteTraits } from '../contracts/transport.js';
import type { ChunkQueue } from '../mechanisms/byte-queue.js';
import type { CancellationSource } from '../authoring/cancellation.js';
import { requireBytes } from '../authoring/checks.js';
import { markHandled, rejected } from '../authoring/deferred.js';
import { SequenceSearch } from '../authoring/sequence-search.js';
import { checkMessage } from './check-message.js';
import { encodeToBuffer } from './encode.js';
import { discard } from './foreign-stream.js';
import type { HandshakeMeter } from './handshake-meter.js';
import type { HandshakeParts, Surroundings } from './handshake-parts.js';
import { Intake, type IntakeEvents } from './intake.js';
import { PendingReads } from './pending-reads.js';
import { UsedDecoders } from './used-decoders.js';

/**
 * The handshake of one link. It reads from the stream only while a read is pending, so a peer cannot
 * make us buffer what nobody asked for.
 */
export class LiveHandshake implements Handshake, IntakeEvents {
  readonly direction: Direction;
  readonly dialled: SocketAddress | undefined;
  readonly context: ConnectionContext;
  readonly limits: ConnectionLimits;
  readonly #link: Link;
  readonly #cancellation: CancellationSource;
  readonly #waitForTurn: Surroundings['waitForTurn'];
  readonly #meter: HandshakeMeter | undefined;
  /** The stream that the connection goes on over. */
  #intake: Intake;
  /** How the stream that it goes on over takes what is written to it. */
  writes: WriteTraits;
  /** Whether bytes may have gone to the peer. */
  hasSpoken = false;
  /** Whether the stream was handed over: it is not to be touched any more. */
  isDetached = false;
  /** Whether whoever took the stream still has it. */
  isTaken = false;
  readonly #reads: PendingReads;
  /** Rejects each write that the stream has not taken yet. Made with the first write. */
  #writes: Set<(error: Error) => void> | undefined;
  /** Why the stream brings no more bytes. */
  #end: Error | undefined;
  /** Why the handshake is over: the stream is the connection's now, or nobody's. */
  #over: Error | undefined;
  readonly #decoders = new UsedDecoders();

  constructor(
    { link, direction, dialled, context, limits, from }: HandshakeParts,
    cancellation: CancellationSource,
    { clock, waitForTurn }: Surroundings,
  ) {
    this.#link = link;
    this.#intake = new Intake(from?.stream ?? link.stream, this, from?.received, from?.comesAgain);
    this.#meter = from?.meter;
    if (from !== undefined) this.#decoders.add(from.decoder);
    this.writes = from?.writes ?? link;
    this.direction = direction;
    this.dialled = dialled;
    this.context = context;
    this.limits = limits;
    this.#cancellation = cancellation;
    this.#reads = new PendingReads(clock, () => this.#serve());
    this.#waitForTurn = waitForTurn;
    cancellation.add(() => this.#finish(cancellation.reason!));
  }

  get signal(): AbortSignal {
    return this.#cancellation.signal;
  }

  get address(): SocketAddress {
    return this.#link.address;
  }

  get localAddress(): SocketAddress {
    return this.#link.localAddress;
  }

  /** What the connection goes on over. */
  get stream(): Duplex {
    return this.#intake.stream;
  }

  /** Received and not read; the connection goes on with it. */
  get received(): ChunkQueue {
    return this.#intake.received;
  }

  /** How many bytes of the stream were received before, and will come again. */
  get comesAgain(): number {
    return this.#intake.comesAgain;
  }

  read(size: number): Promise<Buffer> {
    const refusal = wrongSize('read', size);
    if (refusal !== undefined) return Promise.reject(refusal);
    return this.#take((received) => (received.length >= size ? received.read(size) : NEED_MORE));
  }

  peek(size: number): Promise<Buffer> {
    const refusal = wrongSize('peek', size);
    if (refusal !== undefined) return Promise.reject(refusal);
    return this.#take((received) => (received.length >= size ? received.peekBytes(0, size) : NEED_MORE));
  }

  unread(bytes: Uint8Array): void {
    if (this.#over !== undefined) throw this.#over;
    this.#intake.unread(requireBytes('bytes', bytes));
    if (this.#reads.size > 0) this.#serve();
  }

  readUntil(delimiter: string | Uint8Array, maxLength: number): Promise<Buffer> {
    const mark = Buffer.from(delimiter);
    if (mark.length === 0) return Promise.reject(new RangeError('readUntil(): the delimiter is empty'));
    const search = new SequenceSearch(mark);
    return this.#take((queue) => {
      const start = search.find(queue);
      // What may be the beginning of the delimiter does not count.
      const length = start === -1 && queue.length > maxLength ? search.lengthBefore(queue) : start;
      if (length > maxLength) {
        throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', `${maxLength} bytes passed without the delimiter`);
      }
      if (start === -1) return NEED_MORE;
      const bytes = queue.read(start);
      queue.skip(mark.length);
      return bytes;
    });
  }

  receive<T>(decoder: Decoder<T>): Promise<T> {
    if (!this.mayRead(decoder)) {
      const what = 'a decoder that had read below an upgrade, or was interrupted by one, was used again';
      return rejected(new PeerError('P2P_ERR_HANDSHAKE_FAILED', what, { remedy: 'make a new decoder' }));
    }
    this.#decoders.add(decoder);
    return this.#take((received) => {
      const holds = decoder.holds?.() === true;
      const before = received.length;
      if (before === 0 && !holds) return NEED_MORE;
      const message = decoder.decode(received);
      if (message === NEED_MORE) return NEED_MORE;
      this.#decoders.returned(decoder);
      return checkMessage(message, holds || received.length < before);
    });
  }

  write(bytes: Uint8Array | string): Promise<void> {
    if (this.#over !== undefined) return rejected(this.#over);
    this.hasSpoken = true;
    this.#meter?.sends(bytes);
    const written = new Promise<void>((resolve, reject) => {
      this.#intake.stream.write(bytes, (cause) => {
        this.#writes?.delete(reject);
        if (cause === undefined || cause === null) {
          this.#meter?.sent(Buffer.byteLength(bytes));
          resolve();
        } else reject(this.#ended(cause));
      });
      (this.#writes ??= new Set()).add(reject);
    });
    return markHandled(written);
  }

  send<T>(encoder: Encoder<T>, message: T): Promise<void> {
    try {
      return this.write(encodeToBuffer(encoder, message));
    } catch (error) {
      return rejected(error);
    }
  }

  takeStream(): Duplex {
    this.hasSpoken = true;
    this.isTaken = true;
    if (this.#over === undefined) this.#orFail(() => this.#release());
    return this.#intake.stream;
  }

  upgrade(duplex: Duplex, options?: UpgradeOptions): void {
    try {
      this.#orFail(() => this.#upgrade(duplex, options));
    } catch (error) {
      discard(() => duplex.destroy());
      throw error;
    }
  }

  #upgrade(duplex: Duplex, options: UpgradeOptions = {}): void {
    if (typeof duplex?.pipe !== 'function' || typeof duplex.write !== 'function') {
      throw new TypeError('upgrade(): a stream.Duplex is needed, to read from and write to');
    }
    duplex.on('error', upgradedOnError);
    duplex.allowHalfOpen = true; // the peer may end its half, and still hear from us
    const refusal = this.#over ?? this.#whyNoUpgrade();
    if (refusal !== undefined) throw refusal;
    const { reusesBuffers = false, neverReenters = false } = options;
    this.#intake = new Intake(duplex, this);
    this.isTaken = false;
    this.#decoders.forget();
    // Whoever let it flow listens no more: what comes is for the next read, or the connection.
    this.#intake.pause();
    this.hasSpoken = true;
    this.#end = undefined;
    // Any stream below may run the handlers of the peer during a write, whatever the one on top does.
    this.writes = { reusesBuffers, neverReenters: neverReenters && this.writes.neverReenters };
  }

  detach(): Detached {
    if (this.#over !== undefined) throw this.#over;
    if (this.holdsMessages) {
      const what = `a decoder has taken messages of ${this.address} off the wire that were not received`;
      throw new PeerError('P2P_ERR_MESSAGES_HELD', what);
    }
    this.#intake.detach();
    this.#intake.pause();
    const { stream, received } = this.#intake;
    const head = received.read(received.length);
    this.isDetached = true;
    this.#cancellation.cancel(
      new PeerError('P2P_ERR_DETACHED', `the stream of ${this.address} was handed over`),
    );
    return { stream, head };
  }

  async turn(): Promise<void> {
    if (this.direction === 'inbound') await this.#waitForTurn(this.#link.address, this.#cancellation);
    this.#cancellation.throwIfCancelled();
  }

  reject(why: string): never {
    throw new PeerError(
      'P2P_ERR_HANDSHAKE_REJECTED',
      `the handshake with ${this.address} was refused: ${wordsOf(why)}`,
    );
  }

  /** Whether nothing that `decoder` may remember is of another stream than what comes now. */
  mayRead(decoder: Decoder<unknown>): boolean {
    return this.#decoders.mayRead(decoder);
  }

  /** Whether a decoder of the handshake has messages that nobody received. */
  get holdsMessages(): boolean {
    return this.#decoders.holdMessages;
  }

  /**
   * The hook is content; returns the stream to go on with, paused, nobody listening.
   * @throws why the handshake came to nothing, whatever the hook makes of it
   */
  complete(): Duplex {
    this.#intake.detach();
    if (this.#over !== undefined) throw this.#over;
    this.#finish(new PeerError('P2P_ERR_HANDSHAKE_ENDED', `the handshake with ${this.address} is over`));
    this.#intake.pause();
    return this.#intake.stream;
  }

  /** The handshake came to nothing, and the stream is for whoever ends it: nobody listens. */
  letGo(): void {
    this.#intake.detach();
  }

  /** Destroys what the hook put on top of the link, which its owner destroys. */
  destroyUpgrade(): void {
    this.#intake.detach();
    const { stream } = this.#intake;
    if (stream !== this.#link.stream) stream.destroy();
  }

  onData(fresh: Uint8Array): void {
    this.#meter?.received(fresh);
    this.#serve();
  }

  onEnd(cause?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = this.#ended(cause);
    // No read waits any more; after an error that did not destroy the stream it would flow on.
    this.#intake.pause();
    if (!this.#reads.haveYielded) this.#reads.reject(this.#end);
  }

  #ended(cause?: Error): PeerError {
    const what = `${this.address} closed the connection during the handshake`;
    return new PeerError('P2P_ERR_HANDSHAKE_ENDED', what, cause && { cause });
  }

  /** A promise for what `take` returns as soon as it is not NEED_MORE. */
  #take<T>(take: (received: ChunkQueue) => T | NeedMore): Promise<T> {
    if (this.#over !== undefined) return rejected(this.#over);
    const taken = this.#reads.add(take);
    this.#serve();
    return taken;
  }

  /** INVARIANT: fair-turns. */
  #serve(): void {
    const intake = this.#intake;
    const served = this.#reads.serve(intake.received);
    this.#meter?.served(served);
    if (this.#reads.size === 0 || this.#reads.haveYielded) {
      this.#meter?.holds(intake.received.length);
      intake.pause();
      return;
    }
    if (this.#end === undefined && intake.isOver) this.#end = this.#ended();
    if (this.#end !== undefined) this.#reads.reject(this.#end);
    else this.#readOn(intake);
  }

  #readOn(intake: Intake): void {
    this.isTaken = false;
    // INVARIANT: bounded-memory.
    if (this.#meter?.mayReceive(intake.received.length, this.#onRelief) === false) intake.pause();
    else intake.resume();
  }

  readonly #onRelief = (): void => {
    if (this.#over === undefined) this.#serve();
  };

  #finish(why: Error): void {
    this.#over ??= why;
    this.#reads.stop();
    this.#reads.reject(this.#over);
    // INVARIANT: every-promise-settles. The bytes may still go out.
    const writes = this.#writes;
    this.#writes = undefined;
    if (writes !== undefined) for (const reject of writes) reject(this.#over);
  }

  /** Lets go of the stream, and of reads that wait for its bytes; false when what came from it cannot go back. */
  #release(): boolean {
    if (this.#reads.size > 0) {
      this.#decoders.forget(); // a decoder may have looked at bytes that go elsewhere now
      const what = 'the stream was taken or upgraded while a read waited for its bytes';
      this.#reads.reject(new PeerError('P2P_ERR_HANDSHAKE_ENDED', what));
    }
    return this.#intake.release();
  }

  /**
   * Where `act` throws, whatever it is, this handshake makes no connection, also where the hook goes on as if nothing had
   * happened: it would go on over the stream below. INVARIANT: nothing-crosses-an-upgrade.
   */
  #orFail<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      this.#finish(PeerError.is(error) ? error : this.#failed(error));
      throw error;
    }
  }

  #failed(cause: unknown): PeerError {
    const what = `the stream of ${this.address} was not taken or upgraded: ${describe(cause)}`;
    return new PeerError('P2P_ERR_HANDSHAKE_FAILED', what, { cause });
  }

  /** INVARIANT: nothing-crosses-an-upgrade. */
  #whyNoUpgrade(): PeerError | undefined {
    const left = this.#intake.received.length;
    if (!this.#release()) {
      const what = `${this.address} sent ${left} bytes that were not read, and closed the connection before the upgrade`;
      return new PeerError('P2P_ERR_HANDSHAKE_ENDED', what);
    }
    if (!this.holdsMessages) return undefined;
    const what = `the upgrade with ${this.address} came before all messages of a decoder were received`;
    return new PeerError('P2P_ERR_HANDSHAKE_FAILED', what);
  }
}

/** Why nothing of that size is read, if so. */
function wrongSize(method: string, size: number): RangeError | undefined {
  if (Number.isSafeInteger(size) && size >= 0) return undefined;
  return new RangeError(`${method}(${size}): the size must be a whole number of bytes`);
}

/** The connection listens, too; this keeps an error before that from ending the process. */
function upgradedOnError(): void {}
