import { NEED_MORE, PeerError, type ByteQueue, type ByteSink } from '@pea2pea/core';
import type { Connection, Decoder, TaggedCodec } from '@pea2pea/core';

const [LF, STAR, DOLLAR] = [0x0a, 0x2a, 0x24];
const [MAX_ARGUMENTS, MAX_LENGTH, MAX_LINE] = [1_024, 1024 * 1024, 4_096];

/** The commands that are served, and how many arguments each takes. */
const COMMANDS = {
  PING: [0, 1],
  GET: [1, 1],
  SET: [2, 2],
  DEL: [1, MAX_ARGUMENTS],
  INCR: [1, 1],
  SUBSCRIBE: [1, MAX_ARGUMENTS],
  UNSUBSCRIBE: [0, MAX_ARGUMENTS],
  PUBLISH: [2, 2],
  QUIT: [0, 0],
} as const;
type Name = keyof typeof COMMANDS;

/** The command `N`, as `@OnMessage(resp, N)` gets it. The arguments are views: copy what you keep. */
export interface Of<N extends string> {
  readonly command: N;
  readonly args: readonly Buffer[];
}
/** One that does not exist, or has too few or too many arguments. */
export type Refused = { readonly command: 'refused'; readonly why: string };
export type Command = { [N in Name]: Of<N> }[Name] | Refused;
/** A status, an error, an integer, a bulk string, the null, an array. */
export type Reply = string | Error | number | Uint8Array | null | readonly Reply[];
export type Client = Connection<Command, Reply>;

/** What clients of RESP2 send, and what they read. */
export const resp: TaggedCodec<Command, Reply, 'command'> = {
  tagKey: 'command',
  tags: [...Object.keys(COMMANDS), 'refused'],
  statelessEncoder: true,
  decoder: () => new CommandDecoder(),
  encoder: () => ({ encode: writeReply }),
};

/** Reads arrays of bulk strings, `*2␍␊$3␍␊GET␍␊$1␍␊k␍␊`, and lines of words, as people type them. */
class CommandDecoder implements Decoder<Command> {
  /** Up to here an unfinished command was looked at. Its bytes stay in the queue, where the node counts them. */
  #at = 0;
  #missing = 0;
  #found: [start: number, end: number][] = [];

  decode(input: ByteQueue): Command | typeof NEED_MORE {
    for (;;) {
      const end = input.indexOf(LF, this.#at) + 1;
      if (end === 0) {
        if (input.length - this.#at > MAX_LINE) throw invalid('too big inline request');
        return NEED_MORE;
      }
      if (this.#missing > 0) {
        if (!this.#argument(input, end)) return NEED_MORE;
        if (this.#missing === 0) return this.#command(input);
      } else if (input.peek(0) === STAR) {
        this.#missing = numberIn(input, 1, end, MAX_ARGUMENTS, 'invalid multibulk length');
        if (this.#missing === 0) input.skip(end);
        else this.#at = end;
      } else {
        const words = input.readText(end).trim().split(/\s+/);
        if (words[0] !== '') return commandOf(words.map((word) => Buffer.from(word)));
      }
    }
  }

  /** Whether the argument whose head ends at `end` has arrived. */
  #argument(input: ByteQueue, end: number): boolean {
    const kind = input.peek(this.#at);
    if (kind !== DOLLAR) throw invalid(`expected '$', got '${String.fromCharCode(kind)}'`);
    const size = numberIn(input, this.#at + 1, end, MAX_LENGTH, 'invalid bulk length');
    if (end + size > MAX_LENGTH) throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', 'too big command');
    if (input.length < end + size + 2) return false;
    this.#found.push([end, end + size]);
    this.#at = end + size + 2;
    this.#missing--;
    return true;
  }

  #command(input: ByteQueue): Command {
    const bytes = input.read(this.#at);
    const args = this.#found.map(([start, end]) => bytes.subarray(start, end));
    this.#at = 0;
    this.#found = [];
    return commandOf(args);
  }
}

/** What a line says after its first byte. */
function numberIn(input: ByteQueue, start: number, end: number, max: number, what: string): number {
  const text = input.peekText(start, Math.max(0, end - 2 - start));
  if (!/^\d{1,9}$/.test(text) || Number(text) > max) throw invalid(what);
  return Number(text);
}

const invalid = (what: string): PeerError => new PeerError('P2P_ERR_INVALID_FRAME', what);

/** A command that cannot be served does not end the connection: the stream is in order, and the client can be told. */
function commandOf([first, ...args]: readonly Buffer[]): Command {
  const name = String(first).toUpperCase();
  if (!Object.hasOwn(COMMANDS, name)) return { command: 'refused', why: `unknown command '${name}'` };
  const [least, most] = COMMANDS[name as Name];
  if (args.length >= least && args.length <= most) return { command: name as Name, args };
  return { command: 'refused', why: `wrong number of arguments for '${name.toLowerCase()}' command` };
}

function writeReply(reply: Reply, output: ByteSink): void {
  if (typeof reply === 'string') output.writeText(`+${oneLine(reply)}\r\n`);
  else if (reply instanceof Error) output.writeText(`-${oneLine(reply.message)}\r\n`);
  else if (typeof reply === 'number') output.writeText(`:${reply}\r\n`);
  else if (reply === null) output.writeText('$-1\r\n');
  else if (reply instanceof Uint8Array) {
    output.writeText(`$${reply.length}\r\n`);
    output.write(reply);
    output.writeText('\r\n');
  } else {
    output.writeText(`*${reply.length}\r\n`);
    for (const item of reply) writeReply(item, output);
  }
}

const oneLine = (text: string): string => text.replace(/[\r\n]/g, ' ');
