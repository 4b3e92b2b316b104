import { isNativeError, isProxy } from 'node:util/types';

/** The longest that {@link describe} and {@link printable} return, in characters, without the mark of what was cut. */
const LIMIT = 300;

/** Names come from code, but a generated one can be of any length. */
const NAME_LIMIT = 60;

/** How far up a chain of prototypes a property is looked for. */
const MAX_PROTOTYPES = 16;

/** Control and format characters (line ends, terminal escapes, changes of direction) and halves of surrogate pairs. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

const BIGGEST_SHOWN = 2n ** 64n;

/** For each class of our own that describes its instances: their line, and undefined for anything else. */
const OWN_LINES: ((value: object) => string | undefined)[] = [];

/**
 * Has {@link describe} use `line` for instances of a class of our own. It returns undefined for all others, which it must
 * tell by a private field, and runs no code but ours.
 */
export function describeBy(line: (value: object) => string | undefined): void {
  OWN_LINES.push(line);
}

/**
 * A value in one line, for log lines and error messages, whatever it is and whoever made it: it never throws, runs no
 * code of the value's (no getter, no `toString`, no trap of a proxy), and its length is bounded.
 *
 * note: an error is described by its message, with its name where that says more than `Error`; its `cause` is left out.
 * note: a string is quoted and cut, an object is described by its kind (`an array of 3`) and never by its content,
 * which may be large, or secret. A connection is described by its address, state and identity.
 * note: what cannot be printed is escaped, so that a peer cannot begin a log line of its own.
 */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `"${printable(value).replaceAll('"', '\\"')}"`;
    case 'symbol':
      return printable(String(value));
    case 'bigint':
      return -BIGGEST_SHOWN < value && value < BIGGEST_SHOWN ? `${value}n` : 'a large bigint';
    case 'function':
      return isProxy(value) ? 'a proxy' : nameOf('a function', 'the function', readData(value, 'name'));
    case 'object':
      return value === null ? 'null' : describeObject(value);
    case 'boolean':
    case 'number':
    case 'undefined':
      return String(value);
  }
}

function describeObject(value: object): string {
  if (isProxy(value)) return 'a proxy';
  if (isNativeError(value)) {
    return describeError(readData(value, 'name'), readData(value, 'message'), readData(value, 'code'));
  }
  if (Array.isArray(value)) return `an array of ${value.length}`;
  for (const line of OWN_LINES) {
    const own = line(value);
    if (own !== undefined) return own;
  }
  const maker = readData(Object.getPrototypeOf(value), 'constructor');
  const name = typeof maker === 'function' ? readData(maker, 'name') : undefined;
  if (name === 'DOMException') return describeDomException(value);
  return nameOf('an object', 'an instance of', name === 'Object' ? undefined : name);
}

function describeError(name: unknown, message: unknown, code?: unknown): string {
  const shownName = typeof name === 'string' && name !== '' ? printable(name, NAME_LIMIT) : 'Error';
  if (typeof message !== 'string' || message === '') {
    return typeof code === 'string' ? `${shownName} (${printable(code, NAME_LIMIT)})` : shownName;
  }
  // The message of a PeerError is a whole sentence, with what to do.
  const says = shownName === 'Error' || shownName === 'PeerError' ? '' : `${shownName}: `;
  return says + printable(message);
}

/** The reason of an aborted signal, most often; its properties are getters, but the platform's own are safe to call. */
function describeDomException(value: object): string {
  const { name, message } = Object.getOwnPropertyDescriptors(DOMException.prototype);
  try {
    return describeError(name.get?.call(value), message.get?.call(value));
  } catch {
    return 'an instance of DOMException'; // another class of that name
  }
}

function nameOf(without: string, before: string, name: unknown): string {
  return typeof name === 'string' && name !== '' ? `${before} ${printable(name, NAME_LIMIT)}` : without;
}

/**
 * The value of a property, own or inherited, without running code: undefined where there is none, where it is computed,
 * and where a proxy is in the way.
 */
export function readData(value: unknown, name: PropertyKey): unknown {
  let holder = value;
  for (let depth = 0; depth < MAX_PROTOTYPES; depth++) {
    if ((typeof holder !== 'object' && typeof holder !== 'function') || holder === null || isProxy(holder)) {
      return undefined;
    }
    const property = Object.getOwnPropertyDescriptor(holder, name);
    if (property !== undefined) return property.value;
    holder = Object.getPrototypeOf(holder);
  }
  return undefined;
}

/** `text` in one line that can be printed, cut at `limit` characters: for strings that came from elsewhere. */
export function printable(text: string, limit: number = LIMIT): string {
  if (text.length <= limit && !UNPRINTABLE.test(text)) return text;
  let line = '';
  for (const character of text) {
    if (line.length >= limit) return `${line}…`;
    line += UNPRINTABLE.test(character) ? escaped(character) : character;
  }
  return line;
}

function escaped(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\r') return '\\r';
  if (character === '\t') return '\\t';
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

/** What somebody said for people to read, such as why a connection ends: callers in JavaScript may give anything. */
export function wordsOf(why: unknown): string {
  return typeof why === 'string' ? printable(why) : describe(why);
}
