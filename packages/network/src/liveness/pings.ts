import { NEED_MORE, PeerError, type Codec } from '@pea2pea/core';

/** What peers send each other: seven bytes. */
export interface Ping {
  readonly isPong: boolean;
  /** From the ping to its pong: an integer from 0 to 2^48 - 1. */
  readonly nonce: number;
}

const LENGTH = 7;
const [PING, PONG] = [0, 1];

/** `[ 0 for a ping, 1 for a pong: 1 byte | nonce: 6 bytes, big endian ]` */
export const pingCodec: Codec<Ping> = {
  statelessEncoder: true,
  decoder: () => ({
    keeps: 'nothing',
    decode(input) {
      if (input.length < LENGTH) return NEED_MORE;
      const kind = input.peek(0);
      if (kind !== PING && kind !== PONG) {
        throw new PeerError('P2P_ERR_INVALID_FRAME', `${kind} is neither a ping nor a pong`);
      }
      const nonce = input.peekUInt(1, 6);
      input.skip(LENGTH);
      return { isPong: kind === PONG, nonce };
    },
  }),
  encoder: () => ({
    encode({ isPong, nonce }, output) {
      output.writeUInt(isPong ? PONG : PING, 1);
      output.writeUInt(nonce, 6);
    },
  }),
};
