import { PeerNode, type Connection, type NodeConfig, type SocketAddress } from '@pea2pea/core';
import { ConnectionLedger } from './connection-ledger.js';
import { DialLedger } from './dial-ledger.js';
import type { Dice } from './dice.js';
import type { ChaosMessage, MessageKind } from './message.js';
import { drawConfig } from './node-config.js';
import { oddValue } from './odd-values.js';
import { Setups } from './setups.js';
import { streamLogs } from './stream-log.js';
import { talks } from './talk.js';
import { ClockTap, TransportTap } from './taps.js';
import { drawTemper, type Misdeed, type Temper } from './temper.js';
import type { World } from './world.js';

/** How a node is made; a test makes one with a planted bug. */
export type MakeNode = (config: NodeConfig<ChaosMessage>) => PeerNode<ChaosMessage>;

export const makeSoundNode: MakeNode = (config) => new PeerNode(config);

/** How much of what hooks throw is no error as people throw them. */
const ODD = 0.5;
/** One message in so many is large enough to be passed on by reference. */
const LARGE = 0.02;

/** A node, with everything that is known about it from outside. */
export class ChaosNode {
  readonly name: string;
  readonly node: PeerNode<ChaosMessage>;
  readonly dice: Dice;
  readonly temper: Temper;
  readonly tap: TransportTap;
  readonly clock: ClockTap;
  readonly ledger: ConnectionLedger;
  readonly setups = new Setups();
  readonly dials = new DialLedger();
  /** Where it listened last. */
  lastAddress: SocketAddress | undefined;
  /** Whether it asks for its messages, and has no `onMessage`. */
  readonly pulls: boolean;
  /** Whether it throws messages away when it is full. */
  readonly drops: boolean;
  /** Errors that its hooks threw, refusals by PeerError aside. */
  thrown = 0;
  /** Streams that its handshakes have handed over. */
  handedOver = 0;
  /** Messages that were queued, over all connections. */
  queued = 0;
  /** Its waiting line was found standing still; once is enough. */
  starved = false;
  retiring: Promise<string> | undefined;
  #lastNumber = 0;
  readonly #world: World;

  constructor(world: World, name: string, dice: Dice) {
    this.#world = world;
    this.name = name;
    this.dice = dice;
    this.temper = drawTemper(dice);
    this.tap = new TransportTap(name, world.transport);
    this.clock = new ClockTap(world.time.clock);
    const config = drawConfig(dice);
    this.pulls = dice.chance(0.3);
    this.drops = config.whenInboundFull === 'drop';
    this.ledger = new ConnectionLedger(name, this.drops, this.pulls, world.violations);
    this.node = world.makeNode({ ...config, name, transport: this.tap, clock: this.clock });
  }

  /** Rolls the dice about a misdeed. */
  does(misdeed: Misdeed): boolean {
    const probability = this.temper[misdeed];
    return probability > 0 && this.dice.chance(probability);
  }

  /** Throws, and remembers that a hook did. */
  throw(what: string): never {
    this.thrown++;
    throw this.dice.chance(ODD) ? oddValue(this.dice) : new Error(what);
  }

  /** The next message of this node. */
  message(
    as: { readonly poisoned?: boolean; readonly large?: boolean; readonly kind?: MessageKind } = {},
  ): ChaosMessage {
    const { poisoned = false, large = this.dice.chance(LARGE), kind = 'plain' } = as;
    const size = large ? this.dice.integer(30_000, 80_000) : this.dice.integer(0, 2_000);
    return { from: this.name, number: ++this.#lastNumber, size, kind, poisoned };
  }

  /** Runs `queue`, which may queue `message` on `connections`, and writes down where it did. */
  offer<T>(message: ChaosMessage, connections: Iterable<Connection<ChaosMessage>>, queue: () => T): T {
    // What is queued waits, or went to the system at once and counts as sent.
    const taken = ({ bufferedBytes, stats }: Connection<ChaosMessage>): number =>
      bufferedBytes + stats.bytesSent;
    const before = [...connections].map((connection) => ({ connection, bytes: taken(connection) }));
    try {
      return queue();
    } finally {
      for (const { connection, bytes } of before) {
        if (taken(connection) === bytes) continue;
        this.queued++;
        connection.context
          .get(streamLogs)
          ?.own.queued(message.number, connection.context.get(talks)?.variant);
        if (connection.context.get(talks)?.isFrozen === true)
          this.#world.violations.report('content', `${this.name}: a message was queued in a renegotiation`);
        if (message.poisoned === true) {
          this.#world.violations.report('content', `${this.name}: half of a message was queued`);
        }
      }
    }
  }

  connections(): readonly Connection<ChaosMessage>[] {
    return [...this.node.connections];
  }
}
