import { hashOf } from './chance.js';

/** What happened, in one word, for the lines of a trace. */
export type Happening =
  | 'dials'
  | 'accepts'
  | 'connects'
  | 'refuses'
  | 'gives up'
  | 'receives'
  | 'ends'
  | 'resets'
  | 'closes'
  | 'times out'
  | 'retries'
  | 'listens'
  | 'timer'
  | 'fault'
  | 'note';

/** Somebody or something that a trace tells of. Its name is hashed once. */
export interface Subject {
  readonly name: string;
  readonly hash: number;
}

/** The subject called `name`. */
export function subject(name: string): Subject {
  return { name, hash: hashOf(name) };
}

interface Line {
  timeMs: number;
  what: Happening;
  who: string;
  value: number;
}

/**
 * What happened in a world: a hash over all of it, and the last lines. Two runs are the same if their hashes are.
 *
 * note: bytes count, too: they are part of the hash.
 */
export class Trace {
  readonly #keep: number;
  readonly #lines: Line[] = [];
  readonly #hashes = new Map<Happening, number>();
  readonly #hashesBytes: boolean;
  #low = 0x9e3779b9;
  #high = 0x85ebca6b;
  #count = 0;

  /**
   * @param keep lines that are kept
   * @param hashesBytes whether what is sent counts, or only how much
   */
  constructor(keep: number, hashesBytes: boolean) {
    this.#keep = keep;
    this.#hashesBytes = hashesBytes;
  }

  /** How much has happened. */
  get length(): number {
    return this.#count;
  }

  /** 64 bits over all that has happened so far, in hexadecimal. */
  get hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }

  /** The last lines, oldest first. */
  get lines(): readonly string[] {
    const first = this.#count > this.#keep ? this.#count % this.#keep : 0;
    return [...this.#lines.slice(first), ...this.#lines.slice(0, first)].map(format);
  }

  /** Writes down what happened. @internal */
  add(timeMs: number, what: Happening, who: Subject, value = 0, bytes?: Uint8Array): void {
    let hashed = this.#hashes.get(what);
    if (hashed === undefined) this.#hashes.set(what, (hashed = hashOf(what)));
    const micros = Math.round(timeMs * 1_000);
    this.#mix(micros | 0);
    this.#mix((micros / 2 ** 32) | 0);
    this.#mix(hashed);
    this.#mix(who.hash);
    this.#mix(value | 0);
    if (bytes !== undefined && this.#hashesBytes) this.#mix(sumOf(bytes));
    this.#keepLine(timeMs, what, who.name, value);
    this.#count++;
  }

  /** A line of the user. */
  note(timeMs: number, text: string): void {
    this.add(timeMs, 'note', subject(text));
  }

  /** The places of old lines are used again: most runs throw nearly all of them away. */
  #keepLine(timeMs: number, what: Happening, who: string, value: number): void {
    if (this.#keep === 0) return;
    if (this.#lines.length < this.#keep) {
      this.#lines.push({ timeMs, what, who, value });
      return;
    }
    const line = this.#lines[this.#count % this.#keep]!;
    line.timeMs = timeMs;
    line.what = what;
    line.who = who;
    line.value = value;
  }

  #mix(word: number): void {
    const low = Math.imul(this.#low ^ word, 0x85ebca77);
    const high = Math.imul(this.#high ^ low, 0xc2b2ae3d);
    this.#low = low ^ (high >>> 15);
    this.#high = high ^ (low >>> 13);
  }
}

function sumOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < bytes.length; index++) hash = Math.imul(hash ^ bytes[index]!, 0x01000193);
  return hash;
}

function format({ timeMs, what, who, value }: Line): string {
  const time = `${timeMs.toFixed(3).padStart(12)} ms`;
  return value === 0 ? `${time}  ${who} ${what}` : `${time}  ${who} ${what} ${value}`;
}
