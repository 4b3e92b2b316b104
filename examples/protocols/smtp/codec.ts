import { lines, mapCodec } from '@pea2pea/codecs';
import type { Handshake, TaggedCodec } from '@pea2pea/core';

const VERBS = ['EHLO', 'HELO', 'MAIL', 'RCPT', 'DATA', 'RSET', 'NOOP', 'VRFY', 'QUIT', 'STARTTLS'] as const;
type Verb = (typeof VERBS)[number] | 'unknown';
export type Of<V extends Verb> = { readonly verb: V; readonly rest: string };
export type Command = { [V in Verb]: Of<V> }[Verb];

// 4.5.3.1.4: a command has 512 bytes, and as many again as extensions need.
const framed = mapCodec(lines({ newline: '\r\n', maxLength: 1_024 }), {
  decode(line): Command {
    const [, word = '', rest = ''] = /^(\w+)\s*(.*)$/.exec(line) ?? [];
    return { verb: VERBS.find((verb) => verb === word.toUpperCase()) ?? 'unknown', rest: rest.trimEnd() };
  },
  encode: (reply: string) => reply,
});
/** A command a line; a reply of several lines is several messages. */
export const smtp: TaggedCodec<Command, string, 'verb'> = {
  ...framed,
  tagKey: 'verb',
  tags: [...VERBS, 'unknown'],
};

export const MAX_SIZE = 10 * 1024 * 1024;

/**
 * Lines that end with CR LF, and only those: a lone LF before the dot is part of the content, or mail could be smuggled in.
 * A line that begins with a dot has one more than was meant, 4.5.2. Undefined where it is too large: it is read all the same.
 */
export async function readContent(handshake: Handshake): Promise<Buffer | undefined> {
  const content: Buffer[] = [];
  let size = 0;
  for (;;) {
    const line = await handshake.readUntil('\r\n', 64 * 1024);
    if (line.length === 1 && line[0] === DOT) break;
    size += line.length + 2;
    if (size <= MAX_SIZE) content.push(line[0] === DOT ? line.subarray(1) : line, CRLF);
  }
  return size <= MAX_SIZE ? Buffer.concat(content) : undefined;
}

const DOT = 0x2e;
const CRLF = Buffer.from('\r\n');
