import { endOfText } from './json-objects.js';
import { CLOSE_LIST, CLOSE_MAP, COMMA, OPEN_LIST, OPEN_MAP, QUOTE } from './json-signs.js';

/** `"id"` with each letter escaped has as many characters. */
const LONGEST_KEY = 14;
/** The whole number after a key. Longer ones stay what `JSON.parse` makes of them. */
const WHOLE_NUMBER = /\s*:\s*(-?[0-9]{1,128})(?=[\s,}])/y;

/** A message of JSON-RPC, or a member of a batch. */
interface Enveloped {
  readonly jsonrpc: unknown;
  id: unknown;
}

/**
 * Makes the `id` of a JSON-RPC message in `text` a BigInt where it is a whole number that no double holds exactly: who sent
 * it will look for that very number in the response. `message` is what `JSON.parse` made of the text.
 */
export function keepLongIds(message: unknown, text: string): void {
  if (typeof message !== 'object' || message === null) return;
  const isBatch = Array.isArray(message);
  if (isBatch ? !message.some(hasInexactId) : !hasInexactId(message)) return;
  const sources = idSources(text, isBatch ? 2 : 1);
  const members: readonly unknown[] = isBatch ? message : [message];
  for (const [index, source] of sources) {
    const member = members[index];
    if (hasInexactId(member) && Number(source) === member.id) member.id = BigInt(source);
  }
}

/** `message` as JSON, where it has an `id` that {@link keepLongIds} made; else undefined. */
export function textWithLongIds(message: unknown): string | undefined {
  if (!Array.isArray(message)) return hasLongId(message) ? textOf(message) : undefined;
  if (!message.some(hasLongId)) return undefined;
  const members = message.map((member) =>
    hasLongId(member) ? textOf(member) : (JSON.stringify(member) ?? 'null'),
  );
  return `[${members.join()}]`;
}

function textOf({ id, ...rest }: Enveloped): string {
  return `{"id":${String(id)},${JSON.stringify(rest).slice(1)}`;
}

function isEnveloped(value: unknown): value is Enveloped {
  return typeof value === 'object' && value !== null && (value as Partial<Enveloped>).jsonrpc === '2.0';
}

function hasInexactId(value: unknown): value is Enveloped {
  return isEnveloped(value) && typeof value.id === 'number' && !Number.isSafeInteger(value.id);
}

function hasLongId(value: unknown): value is Enveloped {
  return isEnveloped(value) && typeof value.id === 'bigint';
}

/** The digits of the `id` of each map at `level`, by its place in the list around it; `text` is JSON. */
function idSources(text: string, level: 1 | 2): Map<number, string> {
  const sources = new Map<number, string>();
  let depth = 0;
  let member = 0;
  let isKey = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case OPEN_LIST:
      case OPEN_MAP:
        isKey = ++depth === level;
        break;
      case CLOSE_LIST:
      case CLOSE_MAP:
        depth--;
        isKey = false;
        break;
      case COMMA:
        isKey = depth === level;
        if (depth < level) member++;
        break;
      case QUOTE: {
        const end = endOfText(text, at + 1);
        if (isKey && end - at < LONGEST_KEY && JSON.parse(text.slice(at, end + 1)) === 'id') {
          WHOLE_NUMBER.lastIndex = end + 1;
          const source = WHOLE_NUMBER.exec(text)?.[1];
          // Of two members of the same name the last one counts.
          if (source === undefined) sources.delete(member);
          else sources.set(member, source);
        }
        isKey = false;
        at = end;
      }
    }
  }
  return sources;
}
