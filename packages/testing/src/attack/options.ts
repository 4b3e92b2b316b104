import { systemClock, tcpTransport, type Clock, type Transport } from '@pea2pea/core';
import { RAW, type Framing } from '../altered/framing.js';
import { alterationsFor, type WireAlteration } from './names.js';
import type { AttackOutcome, AttackReport } from './outcome.js';

/** How to talk to a server, and which peers are set against it. */
export interface AttackOptions {
  /**
   * What an honest client asks. `%n` in it stands for a number that is another one each time.
   * Without framing, it is sent as it is.
   */
  readonly probe: Uint8Array | string;
  /** What the reply contains, with `%n` as in {@link probe}. @default the next frame is the reply */
  readonly expect?: string;
  /** Whether the server passes what one client says on to the others, who have the reply then, as in a chat. @default false */
  readonly relays?: boolean;
  /** What a client says first, so that the server takes it for one of its own. @default nothing */
  readonly hello?: Uint8Array | string;
  /** What the peers with something wrong say. @default the probe */
  readonly say?: Uint8Array | string;
  /** How the protocol cuts its bytes into frames. @default RAW, and nothing is wrong with frames */
  readonly framing?: Framing;
  /** The path of a WebSocket, which is opened first where the framing is that. @default '/' */
  readonly path?: string;
  /** Whether all of it is inside TLS, with any certificate. @default false */
  readonly tls?: boolean;
  /** Whether they do wrong from the first byte, and not after the hello. @default false */
  readonly beforeHello?: boolean;
  /** Which peers are set against it. @default all of them that are possible with the framing */
  readonly only?: readonly WireAlteration[];
  /** What their chance follows from. @default 1 */
  readonly seed?: number;
  /** How long each stays, in milliseconds. @default 2_000 */
  readonly lastingMs?: number;
  /** How often an honest client asks meanwhile, in milliseconds. @default 100 */
  readonly everyMs?: number;
  /** How long an honest client waits for its reply, in milliseconds. @default 2_000 */
  readonly patienceMs?: number;
  /** The process of the server, if it is on this machine and Linux, whose memory, descriptors and computing are looked at. */
  readonly pid?: number;
  /** What the peers with something wrong dial with. @default tcpTransport() */
  readonly transport?: Transport;
  /** What honest clients dial with. @default `transport` */
  readonly honestTransport?: Transport;
  /** The address that the peers with something wrong dial from, so that limits by address show. @default the system chooses */
  readonly localAddress?: string;
  /** Times what is said, and how long things take. @default systemClock */
  readonly clock?: Clock;
  /** Called before the first of them. */
  readonly onBefore?: (before: Pick<AttackReport, 'before' | 'process'>) => void;
  /** Called after each of them. */
  readonly onOutcome?: (outcome: AttackOutcome) => void;
  /** Whether the others are not set against it any more. @default where the verdict is that it is gone */
  readonly isOver?: (outcome: AttackOutcome) => boolean;
}

/** The options with what they are by default. */
export type Settings = Required<Omit<AttackOptions, 'expect' | 'pid' | 'localAddress'>> &
  Pick<AttackOptions, 'expect' | 'pid' | 'localAddress'>;

export function settingsOf(options: AttackOptions): Settings {
  const { framing = RAW, transport = tcpTransport(), probe } = options;
  return {
    relays: false,
    hello: '',
    say: probe,
    path: '/',
    tls: false,
    beforeHello: false,
    only: alterationsFor(framing),
    seed: 1,
    lastingMs: 2_000,
    everyMs: 100,
    patienceMs: 2_000,
    honestTransport: transport,
    clock: systemClock,
    onBefore: () => {},
    onOutcome: () => {},
    isOver: ({ verdict }) => verdict === 'is gone',
    ...options,
    framing,
    transport,
  };
}
