import { NEED_MORE, PeerError, type Codec } from '@pea2pea/core';

const LF = 10;

/** Lines of text, as little as the kernel's tests need; a line `!` cannot be decoded, a message `!` cannot be encoded. */
export function textCodec(options: { statelessEncoder?: boolean; maxLength?: number } = {}): Codec<string> {
  const { statelessEncoder = true, maxLength = 1024 * 1024 } = options;
  return {
    statelessEncoder,
    decoder: () => ({
      decode(input) {
        const length = input.indexOf(LF);
        if (length === -1) {
          if (input.length > maxLength)
            throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', 'the line is too long');
          return NEED_MORE;
        }
        const text = input.readText(length);
        input.skip(1);
        if (text === '!') throw new PeerError('P2P_ERR_INVALID_FRAME', 'the line is an exclamation mark');
        return text;
      },
    }),
    encoder: () => ({
      encode(message, output) {
        output.writeText(message);
        if (message === '!') throw new Error('cannot say that');
        output.writeUInt(LF, 1);
      },
    }),
  };
}
