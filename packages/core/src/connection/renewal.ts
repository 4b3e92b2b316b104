import type { Duplex } from 'node:stream';
import type { Codec, Encoder } from '../contracts/codec.js';
import type { WriteTraits } from '../contracts/transport.js';
import type { Decoding } from './decoding.js';

/** A handshake that an open connection is for now. */
export interface Aside {
  /** What bytes pass through for now. */
  readonly stream: Duplex;
  /** The connection ends: so does the handshake. */
  abandon(): void;
  /** Resolves when it is over, one way or the other. */
  readonly over: Promise<void>;
}

/** What a connection goes on with after a handshake. */
export interface Renewal {
  readonly stream: Duplex;
  readonly writes: WriteTraits;
  /** How many bytes of `stream` were counted, and will come again. */
  readonly comesAgain: number;
  readonly codec: Codec<unknown>;
  readonly decoding: Decoding;
  readonly encoder: Encoder<unknown>;
  readonly hasSpoken: boolean;
}
