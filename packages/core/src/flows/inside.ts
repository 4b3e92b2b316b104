import type { Connection } from '../contracts/connection.js';
import type { ConnectionInside, HandlerTime, NodeInside, SetupInside } from '../contracts/inside.js';
import { PeerConnection } from '../connection/connection.js';
import type { Kernel } from '../connection/kernel.js';
import type { PluginList } from '../mechanisms/plugin-list.js';
import { invalidConfig } from '../authoring/checks.js';
import type { Ending } from './ending.js';
import type { Listener } from './listener.js';

/** A node, for those who show it. */
export class Inside implements NodeInside {
  readonly #kernel: Kernel;
  readonly #ending: Ending;
  readonly #listener: Listener;
  readonly #plugins: PluginList;

  constructor(kernel: Kernel, listener: Listener, plugins: PluginList, ending: Ending) {
    this.#ending = ending;
    this.#kernel = kernel;
    this.#listener = listener;
    this.#plugins = plugins;
  }

  get id(): number {
    return this.#kernel.about.nodeId;
  }

  get isReady(): boolean {
    return this.#kernel.hasStarted && this.#ending.state === undefined;
  }

  get plugins(): readonly object[] {
    return this.#plugins.all;
  }

  get refused(): NodeInside['refused'] {
    const { inbound, outbound } = this.#kernel.outcomes.refusals;
    return {
      inbound: inbound.counts,
      outbound: outbound.counts,
      messages: { ...this.#kernel.refusals.reasons },
    };
  }

  get ended(): NodeInside['ended'] {
    return this.#kernel.outcomes.ends.counts;
  }

  get waiting(): number {
    return this.#listener.waiting;
  }

  get inbound(): number {
    return this.#kernel.table.inbound;
  }

  get inboundBytes(): number {
    return this.#kernel.inbound.used;
  }

  get outboundBytes(): number {
    return this.#kernel.outbound.used;
  }

  timeHandlers(told: (time: HandlerTime) => void): () => void {
    return this.#kernel.handlerTimes.listen(told);
  }

  setups(): SetupInside[] {
    return this.#kernel.setupsUnderWay;
  }

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG for what is not a connection of a node */
  of(connection: Connection): ConnectionInside {
    const subject: unknown = connection;
    if (!(subject instanceof PeerConnection)) throw invalidConfig('`connection` is not one of a node');
    const { codec, isRenegotiating, isHeld, reader, writer, stats } = subject;
    const { receiver, heard } = reader;
    const received = receiver.countsBytes ? stats.bytesReceived : stats.messagesReceived;
    return {
      codec: typeof codec.name === 'string' ? codec.name : undefined,
      isRenegotiating,
      isHandling: receiver.isWorking,
      isHeld,
      queuedMessages: writer.queuedMessages,
      idleMs: receiver.isWorking ? 0 : heard.restsForMs(this.#kernel.clock.now(), received),
    };
  }
}
