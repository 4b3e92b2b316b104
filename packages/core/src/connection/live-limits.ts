import { requireInteger, requireKnown, requireTimeout } from '../authoring/checks.js';
import type { ResolvedConfig } from '../contracts/config.js';
import type { ConnectionLimits, LimitChanges } from '../contracts/limits.js';

/** What the node has by itself. */
type NodeLimits = Pick<
  ResolvedConfig,
  'idleTimeoutMs' | 'writeTimeoutMs' | 'inboundQueueBytes' | 'outboundQueueBytes' | 'maxBufferedBytes'
>;

/** What one connection has in place of that. */
type OwnLimits = Omit<ConnectionLimits, 'set'>;

interface LimitsListener {
  limitsChanged(): void;
}

const QUEUES = ['inboundQueueBytes', 'outboundQueueBytes', 'maxFrameLength'] as const;
const NAMES = ['idleTimeoutMs', 'writeTimeoutMs', ...QUEUES] as const;

/** The limits of one link: of its handshake, and of the connection that comes of it. */
export class LiveLimits implements ConnectionLimits {
  readonly #node: NodeLimits;
  /** Made with the first change. */
  #own: OwnLimits | undefined;
  /** The connection, once there is one. */
  #listener: LimitsListener | undefined;

  constructor(node: NodeLimits) {
    this.#node = node;
  }

  /** Tells `listener` of changes: what waits there may go on. */
  tell(listener: LimitsListener): void {
    this.#listener = listener;
  }

  get idleTimeoutMs(): number {
    return (this.#own ?? this.#node).idleTimeoutMs;
  }

  get writeTimeoutMs(): number {
    return (this.#own ?? this.#node).writeTimeoutMs;
  }

  get inboundQueueBytes(): number {
    return (this.#own ?? this.#node).inboundQueueBytes;
  }

  get outboundQueueBytes(): number {
    return (this.#own ?? this.#node).outboundQueueBytes;
  }

  get maxFrameLength(): number | undefined {
    return this.#own?.maxFrameLength;
  }

  set(changes: LimitChanges): void {
    requireKnown('the limits of a connection', changes, NAMES);
    const {
      idleTimeoutMs = this.idleTimeoutMs,
      writeTimeoutMs = this.writeTimeoutMs,
      inboundQueueBytes = this.inboundQueueBytes,
      outboundQueueBytes = this.outboundQueueBytes,
      maxFrameLength = this.maxFrameLength,
    } = changes;
    requireTimeout('idleTimeoutMs', idleTimeoutMs, { min: 0 });
    requireTimeout('writeTimeoutMs', writeTimeoutMs);
    for (const name of QUEUES) {
      // What the node itself has may be more, where its budget is small.
      if (changes[name] !== undefined) {
        requireInteger(name, changes[name], { min: 1, max: this.#node.maxBufferedBytes });
      }
    }
    this.#own = { idleTimeoutMs, writeTimeoutMs, inboundQueueBytes, outboundQueueBytes, maxFrameLength };
    this.#listener?.limitsChanged();
  }
}
