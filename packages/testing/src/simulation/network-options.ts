import { PeerError } from '@pea2pea/core';
import { inBytesPerMs, type Bandwidth } from './quantities.js';

/** What the network of a world is like. */
export interface NetworkOptions {
  /**
   * What a segment takes from one host to another, in milliseconds; of a range each pair of hosts draws its own.
   * @default [1, 20]
   */
  readonly latencyMs?: number | readonly [number, number];
  /** What a segment may take longer, in milliseconds. @default 1 */
  readonly jitterMs?: number;
  /** What a link carries in each direction. @default unlimited */
  readonly bandwidth?: Bandwidth;
  /** How many segments of a hundred are lost and sent again, which delays all that come after. @default 0 */
  readonly lossPercent?: number;
  /** How many writes of a hundred are cut in two at any place. @default 10 */
  readonly splitPercent?: number;
  /** What the system of a sender holds beyond what is under way, in bytes. @default 65536 */
  readonly sendBufferBytes?: number;
  /** What may be under way and unread, in bytes. @default 65536 */
  readonly windowBytes?: number;
  /** When a system gives up a peer that acknowledges nothing, in milliseconds. @default 924600, as Linux does */
  readonly giveUpMs?: number;
  /** When a system gives up a dial that nobody replies to, in milliseconds. @default 131000, as Linux does */
  readonly dialGiveUpMs?: number;
  /**
   * How long an address pair cannot be used again after its connection, in milliseconds. Linux lets a dial from a port of one's
   * choice have it at once, unless the peer has TCP timestamps off; where a system does not, it takes 60000 or more.
   * @default 0
   */
  readonly timeWaitMs?: number;
}

/** {@link NetworkOptions} with every default filled in. */
export interface Network {
  readonly latencyMs: readonly [number, number];
  readonly jitterMs: number;
  readonly bytesPerMs: number;
  readonly loss: number;
  readonly split: number;
  readonly sendBufferBytes: number;
  readonly windowBytes: number;
  readonly giveUpMs: number;
  readonly dialGiveUpMs: number;
  readonly timeWaitMs: number;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option is not in its range. */
export function resolveNetwork(options: NetworkOptions): Network {
  const { latencyMs = [1, 20], bandwidth, lossPercent = 0, splitPercent = 10 } = options;
  const range = typeof latencyMs === 'number' ? ([latencyMs, latencyMs] as const) : latencyMs;
  require('latencyMs', range[0] >= 0 && range[1] >= range[0]);
  require('lossPercent', lossPercent >= 0 && lossPercent < 100);
  require('splitPercent', splitPercent >= 0 && splitPercent <= 100);
  const network = {
    latencyMs: range,
    jitterMs: options.jitterMs ?? 1,
    bytesPerMs: bandwidth === undefined ? Infinity : inBytesPerMs(bandwidth),
    loss: lossPercent / 100,
    split: splitPercent / 100,
    sendBufferBytes: options.sendBufferBytes ?? 64 * 1024,
    windowBytes: options.windowBytes ?? 64 * 1024,
    giveUpMs: options.giveUpMs ?? 924_600,
    dialGiveUpMs: options.dialGiveUpMs ?? 131_000,
    timeWaitMs: options.timeWaitMs ?? 0,
  };
  require('jitterMs', network.jitterMs >= 0);
  require('windowBytes', network.windowBytes > 0);
  for (const name of ['sendBufferBytes', 'giveUpMs', 'dialGiveUpMs', 'timeWaitMs'] as const) {
    require(name, network[name] >= 0);
  }
  return network;
}

function require(name: keyof NetworkOptions, isSound: boolean): void {
  if (isSound) return;
  throw new PeerError('P2P_ERR_INVALID_CONFIG', `\`${name}\` of a simulated network is out of its range`);
}
