import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Duplex } from 'node:stream';
import {
  definePlugin,
  PLUGIN_STATE,
  type BytesDiagnostic,
  type Connection,
  type Handshake,
  type Hooks,
  type PeerNode,
} from '@pea2pea/core';
import { RecordStream } from '@pea2pea/core/authoring';
import type { CaptureCounts, Way } from './format.js';
import { resolveTap, type CaptureOptions, type ResolvedTap } from './options.js';
import { Recording, type CaptureReport, type RecordedFlow } from './recording.js';
import { PassingRecords } from './passing-records.js';

/** What is known of a connection that is recorded. */
interface Tapped {
  readonly handshake: Pick<Handshake, 'direction' | 'address' | 'localAddress'>;
  /** Right above the link: what it carries is the wire. */
  readonly stream: Duplex;
  /** What the codec reads and writes, where that is something else. */
  plain: RecordedFlow | undefined;
}

/**
 * Records the connections of a node from their first byte, below and above their secure channels. {@link capture} makes it.
 *
 * note: list it before plugins and hooks that have a handshake, such as `noise` and `tls`: what those exchange is on the wire.
 * note: it puts a stream of its own on each link that it records, which costs a copy of each byte, and has Node.js encrypt in
 * JavaScript's sight. A node without it pays nothing.
 * note: the recording ends with the last connection after `close()`, or with {@link stop}.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class Capture implements Hooks<unknown> {
  /** Its name among the plugins of a node, and those that it must come before. */
  static readonly plugin = { name: 'capture', before: ['tls', 'noise'] };
  readonly #node: PeerNode<unknown>;
  readonly #options: ResolvedTap;
  #recording: Recording | undefined;
  /** By the context that a handshake and its connection have in common. */
  readonly #tapped = new WeakMap<object, Tapped>();
  #isEnding = false;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: CaptureOptions) {
    this.#node = node;
    this.#options = resolveTap('capture()', options, ['only']);
  }

  /** What was recorded so far, and what was dropped. */
  get counts(): CaptureCounts {
    return this.#recording?.counts ?? { frames: 0, bytes: 0, dropped: { frames: 0, bytes: 0 } };
  }

  /** Ends the recording; resolves when all of it is written. Undefined where the node has not started. */
  async stop(): Promise<CaptureReport | undefined> {
    this.#letGo();
    return this.#recording?.stop();
  }

  onStart(): void {
    const recording = new Recording(this.#options, this.#node.config.clock);
    this.#recording = recording;
    subscribe('pea2pea:bytes:received', this.#onReceived);
    subscribe('pea2pea:bytes:sent', this.#onSent);
    void recording.done.then(({ error, ...counts }) => {
      this.#letGo();
      if (error === undefined) this.#node.logger.info({ ...counts }, 'the capture has ended');
      else this.#node.logger.error({ ...counts, err: error }, 'the capture has failed');
    });
  }

  onHandshake(handshake: Handshake): void {
    const recording = this.#recording;
    const { direction, address, localAddress } = handshake;
    if (recording === undefined || recording.isStopped || !this.#options.only({ address, direction })) return;
    const about = { node: this.#node.name, direction, local: localAddress, peer: address };
    const flow = recording.flow({ layer: 'wire', connection: undefined, ...about });
    const passing = new PassingRecords((way, bytes) => flow.bytes(way, bytes));
    const stream = new RecordStream(handshake.takeStream(), passing);
    const tapped: Tapped = { handshake: { direction, address, localAddress }, stream, plain: undefined };
    this.#tapped.set(handshake.context, tapped);
    stream.once('close', () => {
      tapped.plain?.close();
      flow.close();
      this.#endIfOver();
    });
    handshake.upgrade(stream, { neverReenters: true });
  }

  onStop(): void {
    this.#isEnding = true;
    this.#endIfOver();
  }

  /** What snapshots show of it. */
  [PLUGIN_STATE](): unknown {
    return { recording: this.#recording?.isStopped === false, ...this.counts };
  }

  /** Connections live longer than `onStop`. */
  #endIfOver(): void {
    if (this.#isEnding && this.#recording?.hasOpenFlows === false) void this.stop();
  }

  #letGo(): void {
    unsubscribe('pea2pea:bytes:received', this.#onReceived);
    unsubscribe('pea2pea:bytes:sent', this.#onSent);
  }

  readonly #onReceived = (event: unknown): void => this.#onBytes('received', event as BytesDiagnostic);
  readonly #onSent = (event: unknown): void => this.#onBytes('sent', event as BytesDiagnostic);

  #onBytes(way: Way, { connection, bytes, stream }: BytesDiagnostic): void {
    const tapped = this.#tapped.get(connection.context);
    // What passes through our own stream is recorded there.
    if (tapped === undefined || tapped.stream === stream) return;
    tapped.plain ??= this.#recordPlain(connection, tapped);
    tapped.plain?.bytes(way, bytes);
  }

  #recordPlain({ id }: Connection, { handshake }: Tapped): RecordedFlow | undefined {
    const { direction, address, localAddress } = handshake;
    return this.#recording?.flow({
      layer: 'plain',
      node: this.#node.name,
      connection: id,
      direction,
      local: localAddress,
      peer: address,
    });
  }
}

/** Lists {@link Capture} among the plugins of a node: `node.use(capture({ to: 'node.pcapng' }))`. */
export const capture = definePlugin(Capture);
