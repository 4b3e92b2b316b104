import { PeerNode, type Connection, type NodeConfig, type SocketAddress } from '@pea2pea/core';
import { ConnectionLedger } from './connection-ledger.js';
import { DialLedger } from './dial-ledger.js';
import type { Dice } from './dice.js';
import type { ChaosMessage, MessageKind } from './message.js';
import { drawConfig } from './node-config.js';
import { oddValue } from './odd-values.js';
import { Setups } from './setups.js';
import { streamLogs } from './stream-log.js';
import type { Place } from './ground.js';
import { talks } from './talk.js';
import { ClockTap, TransportTap } from './taps.js';
import { drawTemper, type Misdeed, type Temper } from './temper.js';
import type { Rule } from './violations.js';
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
  readonly place: Place;
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
  /** Connections that it was asked to end, by id. */
  readonly asked = new Set<number>();
  /** Its waiting line was found standing still; once is enough. */
  starved = false;
  retiring: Promise<string> | undefined;
  #lastNumber = 0;
  readonly #world: World;

  constructor(world: World, name: string, place: Place, dice: Dice) {
    this.#world = world;
    this.name = name;
    this.place = place;
    this.dice = dice;
    this.temper = drawTemper(dice);
    this.tap = new TransportTap(name, place.transport);
    this.clock = new ClockTap(place.clock);
    const config = drawConfig(dice);
    this.pulls = dice.chance(0.3);
    this.drops = config.whenInboundFull === 'drop';
    this.ledger = new ConnectionLedger(this);
    this.node = world.makeNode({ ...config, name, transport: this.tap, clock: this.clock });
  }

  /** Its process is dead: nothing is promised of it any more. */
  get isGone(): boolean {
    return this.place.isGone;
  }

  /** Reports what it is guilty of; of one whose process is dead nothing is. */
  report(rule: Rule, what: string): void {
    if (!this.isGone) this.#world.violations.report(rule, `${this.name}: ${what}`);
  }

  /** As {@link report}, for each of `findings`. */
  reportAll(rule: Rule, findings: readonly string[]): void {
    for (const what of findings) this.report(rule, what);
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
          this.report('content', 'a message was queued in a renegotiation');
        if (message.poisoned === true) this.report('content', 'half of a message was queued');
      }
    }
  }

  connections(): readonly Connection<ChaosMessage>[] {
    return [...this.node.connections];
  }
}
