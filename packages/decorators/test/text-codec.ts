import { NEED_MORE, type ByteQueue, type ByteSink, type Codec, type NeedMore } from '@pea2pea/core';

const NEWLINE = 0x0a;

/** One message a line. */
export function textCodec(): Codec<string> {
  return {
    decoder: () => ({
      decode(input: ByteQueue): string | NeedMore {
        const end = input.indexOf(NEWLINE);
        if (end === -1) return NEED_MORE;
        const text = input.readText(end);
        input.skip(1);
        return text;
      },
    }),
    encoder: () => ({
      encode(message: string, output: ByteSink): void {
        output.writeText(`${message}\n`);
      },
    }),
  };
}
