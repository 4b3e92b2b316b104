import { Duplex } from 'node:stream';
import { PeerError, type Direction, type Timer } from '@pea2pea/core';
import { defer, LogThrottle, overdue, raceAgainst } from '@pea2pea/core/authoring';
import { streamError } from '../shared/errors.js';
import { asError } from '../shared/as-error.js';
import {
  Flag,
  FrameType,
  goAway,
  GoAwayCode,
  INITIAL_WINDOW,
  violation,
  windowUpdate,
  type FrameHeader,
} from './frame.js';
import type { FrameHandler } from './frame-reader.js';
import { FrameTurns } from './frame-turns.js';
import { offer } from './offer.js';
import { resolveYamuxOptions, type ResolvedYamuxOptions, type YamuxOptions } from './options.js';
import { Outbox } from './outbox.js';
import { Pings } from './pings.js';
import { SessionStream } from './session-stream.js';
import { YamuxStream, type StreamHost } from './stream.js';
import { StreamTable } from './stream-table.js';

/** One log line of a kind in so long. */
const COMPLAINT_INTERVAL_MS = 1_000;

/**
 * Many streams over one, as the yamux specification of HashiCorp has it (version 0; libp2p's `/yamux/1.0.0`).
 *
 * ```text
 *   openStream() ->  YamuxStream  YamuxStream  YamuxStream  <- onStream
 *                         `------------+------------'
 *                    Yamux:  frames, windows, pings, go away
 *                                      |
 *                          a Duplex: TCP, TLS, Noise
 * ```
 *
 * What the peer can make us hold is bounded: `maxStreams` streams, a window each; replies that it does not take stop the
 * reading; a frame is passed on as it comes, never gathered.
 *
 * note: it owns the stream below from here on, and reads from it from the next turn on.
 * note: what the specification forbids ends the session with P2P_ERR_INVALID_FRAME, after a Go Away that says so.
 * Frames for a stream that is over are ignored: they crossed its end on the way. So are a second ACK, and, as long as
 * they are few, frames for a stream that nobody opened.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class Yamux {
  readonly #below: Duplex;
  readonly #options: ResolvedYamuxOptions;
  readonly #frames: FrameTurns;
  readonly #streams: StreamTable;
  readonly #host: StreamHost;
  readonly #pings: Pings;
  readonly #complaints: LogThrottle;
  readonly #outbox: Outbox;
  #refused = 0;
  #goneAway = false;
  #peerGoneAway: number | undefined;
  #stream: SessionStream | undefined;
  /** The connection that it belongs to reads on. */
  #asked = true;
  #reads = false;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #error: Error | undefined;
  #cutTimer: Timer | undefined;
  readonly #closed = defer();
  /** Resolves when the session is over and the stream below closed. It never rejects: see {@link error}. */
  readonly closed = this.#closed.promise;

  constructor(below: Duplex, options: YamuxOptions) {
    this.#options = resolveYamuxOptions(options);
    if (!(below instanceof Duplex))
      throw new TypeError('Yamux: a stream.Duplex is needed, to read from and write to');
    this.#below = below;
    this.#streams = new StreamTable(this.#options);
    const handler: FrameHandler = {
      onHeader: (header) => this.#onHeader(header),
      onBody: ({ streamId }, piece) => this.#streams.get(streamId)?.data(piece),
      onEnd: ({ flags, streamId }) => {
        if ((flags & Flag.FIN) !== 0) this.#streams.get(streamId)?.fin();
      },
    };
    this.#frames = new FrameTurns(handler, this.#options.clock, () => this.#onTurn());
    this.#outbox = new Outbox(below, this.#options.maxStreams, {
      repliesChanged: () => this.#flow(),
      peerTakes: () => this.#pings.heard(),
    });
    this.#complaints = new LogThrottle(this.#options.clock, COMPLAINT_INTERVAL_MS);
    this.#host = {
      receiveWindowBytes: this.#options.receiveWindowBytes,
      sendData: (streamId, piece, onWritten) => this.#outbox.data(streamId, piece, onWritten),
      growWindow: (streamId, delta, onWritten) =>
        this.#outbox.send(windowUpdate(streamId, 0, delta), onWritten),
      sendFin: (streamId) => this.#outbox.send(windowUpdate(streamId, Flag.FIN, 0)),
      release: (stream, reset) => this.#release(stream, reset),
      listenerThrew: (stream, error) => this.#complain(stream, error, 'a listener of a stream threw'),
      vacate: (stream) => this.#streams.vacate(stream),
    };
    this.#pings = new Pings({
      clock: this.#options.clock,
      pingTimeoutMs: this.#options.pingTimeoutMs,
      keepAliveIntervalMs: this.#options.keepAliveIntervalMs,
      sendPing: (value) =>
        this.#outbox.send({ type: FrameType.ping, flags: Flag.SYN, streamId: 0, length: value }),
      isDeaf: () => !this.#asked,
      onDead: (error) => this.destroy(error),
    });
    below.on('data', (chunk: Buffer) => this.#onData(chunk));
    below.on('end', () => this.#settle());
    below.on('error', (error: Error) => this.#end(error));
    below.on('close', () => this.#settle());
    this.#flow();
    this.#settle(); // events of a stream that is over do not come again
  }

  /** `'closing'`: the last frames are on their way; of the streams, those are left that are complete and not read yet. */
  get state(): 'open' | 'closing' | 'closed' {
    return this.#state;
  }

  /** Why the session ended, where the end was not an orderly one. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Streams that are open, or complete and not read yet, in both directions. */
  get size(): number {
    return this.#streams.size;
  }

  /** Streams of the peer that were reset at once, for want of room or of an `onStream`. It only rises. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Opens a stream, which can be written to at once: nobody waits for the peer to acknowledge it.
   * @throws {PeerError} P2P_ERR_TOO_MANY_STREAMS; P2P_ERR_DISCONNECTED when the session is over, or one side went away
   */
  openStream(): YamuxStream {
    if (this.#state !== 'open') throw this.#endError();
    if (this.#goneAway) throw new PeerError('P2P_ERR_DISCONNECTED', 'this side of the session went away');
    if (this.#peerGoneAway !== undefined) {
      throw new PeerError('P2P_ERR_DISCONNECTED', `the peer went away, code ${this.#peerGoneAway}`);
    }
    if (this.#outbox.isFullOfAnnouncements) {
      const what = `${this.#outbox.maxPending} streams wait to be announced to the peer, which takes no bytes`;
      throw streamError('P2P_ERR_TOO_MANY_STREAMS', what);
    }
    const id = this.#streams.takeId();
    const stream = this.#add(id, 'outbound');
    this.#outbox.announce(windowUpdate(id, Flag.SYN, this.#options.receiveWindowBytes - INITIAL_WINDOW));
    return stream;
  }

  /**
   * Asks the peer for a reply; resolves with the milliseconds that it took. One ping is under way at a time: callers
   * that ask meanwhile share its reply.
   * @throws {PeerError} P2P_ERR_PING_TIMEOUT after `pingTimeoutMs`, P2P_ERR_DISCONNECTED, P2P_ERR_ABORTED
   */
  async ping({ signal }: { readonly signal?: AbortSignal } = {}): Promise<number> {
    if (this.#state !== 'open') throw this.#endError();
    return raceAgainst(signal, () => this.#pings.ping(), 'the ping');
  }

  /** Tells the peer to open no more streams, and opens none; those that are open go on. */
  goAway(): void {
    if (this.#goneAway || this.#state !== 'open') return;
    this.#goneAway = true;
    this.#outbox.send(goAway(GoAwayCode.normal));
  }

  /** Ends the session in order: a Go Away, then the end of the stream below. Streams that are open are destroyed. */
  close(): Promise<void> {
    this.#end(undefined, this.#goneAway ? undefined : GoAwayCode.normal);
    return this.closed;
  }

  /** Ends the session at once, and the stream below. */
  destroy(error?: Error): void {
    this.#end(error);
    this.#below.destroy();
  }

  /**
   * The session as the stream of a connection, for `handshake.upgrade`: the kernel owns the session by it. Reading it
   * yields the header of every frame that came, for {@link yamuxFrames}: they are the messages of the connection. So its
   * `idleTimeoutMs` counts from the last frame, plugins that limit messages limit frames, and a handler that makes the
   * connection wait makes the session wait, once `inboundQueueBytes` of headers do. What ends the session is the reason
   * of the disconnect: `invalid-frame`, where the peer broke the protocol.
   *
   * note: asked for in the turn in which the session is made, no stream of the peer comes before the connection is open.
   * note: nothing can be sent over the connection itself: that is what streams are for.
   */
  get frames(): Duplex {
    if (this.#stream === undefined) {
      this.#asked = false;
      this.#stream = new SessionStream({
        onWanted: () => this.#setAsked(true),
        onFull: () => this.#setAsked(false),
        finish: (done) => this.#finish(done),
        destroy: () => this.destroy(),
      });
      if (this.#state === 'open') this.#flow();
      else this.#stream.finish(this.#error);
    }
    return this.#stream;
  }

  #onData(chunk: Buffer): void {
    if (this.#state !== 'open') return;
    this.#pings.heard();
    this.#handle(() => this.#frames.feed(chunk));
  }

  /** Goes on with a chunk that has more frames than a turn has room for; what came after it waits for that. */
  #onTurn(): void {
    if (!this.#mayRead) return; // `#flow` goes on
    this.#handle(() => this.#frames.feedRest());
    this.#settle();
  }

  #handle(frames: () => void): void {
    try {
      frames();
      this.#flow();
    } catch (error) {
      // What users throw does not come here: streams see to that.
      const isViolation = error instanceof PeerError && error.code === 'P2P_ERR_INVALID_FRAME';
      this.#end(error as Error, isViolation ? GoAwayCode.protocolError : GoAwayCode.internalError);
    }
  }

  #onHeader(header: FrameHeader): void {
    this.#stream?.tell(header);
    if (this.#state !== 'open') return; // a reader of the frames has ended it
    switch (header.type) {
      case FrameType.ping:
        if (header.flags === Flag.ACK) this.#pings.answered(header.length);
        else this.#outbox.reply({ ...header, flags: Flag.ACK });
        return;
      case FrameType.goAway:
        this.#onGoAway(header.length);
        return;
      case FrameType.data:
      case FrameType.windowUpdate:
        this.#onStreamFrame(header);
    }
  }

  /** Any code but 0 says that the session is over for the peer. */
  #onGoAway(code: number): void {
    this.#peerGoneAway = code;
    if (code === GoAwayCode.normal) return;
    const why = code === GoAwayCode.protocolError ? 'a protocol error' : 'an internal error';
    const what = `the peer ended the yamux session for ${why}: Go Away, code ${code}`;
    this.#end(new PeerError('P2P_ERR_DISCONNECTED', what), undefined);
  }

  #onStreamFrame({ type, flags, streamId, length }: FrameHeader): void {
    // INVARIANT: bounded-memory. Before anything else: no window is larger, whatever the stream.
    if (type === FrameType.data && length > this.#options.receiveWindowBytes) {
      throw violation(`a data frame of ${length} bytes, more than any window`);
    }
    const isNew = (flags & Flag.SYN) !== 0 && this.#admit(streamId);
    const control = this.#streams.find(streamId);
    if (control === undefined) return;
    this.#streams.heardOf(control, (flags & Flag.ACK) !== 0);
    if ((flags & Flag.RST) !== 0) {
      this.#streams.resetByPeer(control.stream);
      control.reset();
      return;
    }
    if (type === FrameType.data) control.dataBegins(length);
    else control.windowGrows(length);
    if (isNew) this.#offer(control.stream);
  }

  /** A SYN: whether there is a new stream. */
  #admit(id: number): boolean {
    const hasRoom = this.#streams.admits(id);
    const { onStream, receiveWindowBytes } = this.#options;
    if (!hasRoom || this.#goneAway || onStream === undefined) {
      this.#refused++;
      this.#outbox.reply(windowUpdate(id, Flag.RST, 0));
      return false;
    }
    this.#add(id, 'inbound');
    this.#outbox.reply(windowUpdate(id, Flag.ACK, receiveWindowBytes - INITIAL_WINDOW));
    return true;
  }

  #add(id: number, direction: Direction): YamuxStream {
    return new YamuxStream(this.#host, id, direction, (control) => this.#streams.add(control));
  }

  #release(stream: YamuxStream, reset: boolean): void {
    this.#streams.remove(stream);
    if (reset) this.#outbox.send(windowUpdate(stream.id, Flag.RST, 0));
  }

  #offer(stream: YamuxStream): void {
    // INVARIANT: bounded-memory. As many handlers run as there may be streams, whatever becomes of the streams.
    const release = this.#streams.hold(stream);
    offer(stream, this.#options.onStream!, (failure) => {
      release();
      if (failure === undefined) return;
      this.#complain(stream, failure.error, 'onStream threw');
      stream.destroy(asError(failure.error));
    });
  }

  #complain({ id }: YamuxStream, err: unknown, text: string): void {
    const { logger } = this.#options;
    this.#complaints.run((suppressed) => logger.warn({ stream: id, err, suppressed }, text));
  }

  #setAsked(asked: boolean): void {
    // What came meanwhile is read only now.
    if (asked && !this.#asked) this.#pings.heard();
    this.#asked = asked;
    this.#flow();
  }

  /** What still comes after the end is let go, so that the end of the peer is seen. */
  get #mayRead(): boolean {
    return this.#state !== 'open' || (this.#asked && !this.#outbox.isFullOfReplies);
  }

  /** Reads on, or has the peer wait. INVARIANT: bounded-memory. */
  #flow(): void {
    if (this.#mayRead) this.#frames.goOn();
    const reads = this.#mayRead && !this.#frames.isWaiting;
    if (reads === this.#reads) return;
    this.#reads = reads;
    if (reads) this.#below.resume();
    else this.#below.pause();
  }

  /** The one end, for every cause; `code` is what the peer is told. */
  #end(error?: Error, code?: GoAwayCode): void {
    if (this.#state !== 'open') return;
    if (code !== undefined) this.#outbox.send(goAway(code));
    this.#outbox.stop();
    this.#state = 'closing';
    this.#error = error;
    this.#frames.stop();
    const endError = this.#endError();
    this.#pings.stop(endError);
    this.#streams.endAll(endError, error === undefined);
    this.#flow();
    const { clock, closeTimeoutMs } = this.#options;
    this.#cutTimer = overdue(clock, closeTimeoutMs, () => this.#below.destroy());
    this.#below.end();
    this.#stream?.finish(error);
    this.#settle();
  }

  /** Ends as the stream below has, when all that came from it was handled; a socket may end while it is paused. */
  #settle(): void {
    const below = this.#below;
    if (this.#state === 'open' && !this.#frames.isWaiting) {
      if (below.readableEnded) {
        const what = 'the stream below a yamux session ended in the middle of a frame';
        this.#end(this.#frames.inFrame ? new PeerError('P2P_ERR_TRUNCATED_FRAME', what) : undefined);
      } else if (below.destroyed) {
        const what = 'the stream below a yamux session was closed';
        this.#end(below.errored ?? new PeerError('P2P_ERR_DISCONNECTED', what));
      }
    }
    if (this.#state !== 'closing' || !below.closed) return;
    this.#state = 'closed';
    this.#cutTimer?.cancel();
    this.#closed.resolve();
  }

  /** As {@link close}, and calls back when the last frames are with the stream below. */
  #finish(done: () => void): void {
    void this.close();
    if (this.#below.writableFinished || this.#below.destroyed) done();
    else this.#below.once('finish', done).once('close', done);
  }

  #endError(): PeerError {
    return new PeerError(
      'P2P_ERR_DISCONNECTED',
      'the yamux session is over',
      this.#error && { cause: this.#error },
    );
  }
}
