import { plainOf, type Plain } from '../snapshot/plain.js';

const MASK = '••••••';
/** Names of what is nobody's business. */
const SECRET =
  /pass(word|wd|phrase)?$|secret|token|credential|authori[sz]ation|api.?key|private.?key|cookie|session.?id|\bpin$|\bpsk$/i;
/** The same in lines: `password=…`, `AUTH …`, `Authorization: Bearer …`. */
const SECRET_IN_LINE =
  /\b(pass(?:word|wd|phrase)?|secret|token|credentials?|authorization|api[-_ ]?key|cookie)\b(\s*["']?\s*[:=]\s*["']?|\s+)((?:bearer|basic)\s+)?([^\s"',;&]{2,})/gi;
const LONGEST = 2_000;
/** Shorter ones would blank half of the bytes. */
const SHORTEST_SECRET = 3;

/** A message as it may be shown. */
export interface Shown {
  readonly text: string;
  /** What was masked in it. */
  readonly secrets: readonly string[];
}

/** `message` for people: as JSON, or as it is where it is a string; what looks like a secret by its name is masked. */
export function shownMessage(message: unknown): Shown {
  const secrets: string[] = [];
  if (message instanceof Uint8Array) return { text: `${message.length} bytes`, secrets };
  const plain = plainOf(message);
  const masked = typeof plain === 'string' ? maskLine(plain, secrets) : mask(plain, secrets);
  const text = typeof masked === 'string' ? masked : JSON.stringify(masked);
  return { text: text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text, secrets };
}

/** `bytes` in hexadecimal, those of `secrets` blanked where they stand as they are. */
export function shownBytes(bytes: Uint8Array, secrets: readonly string[]): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pairs: string[] = buffer.toString('hex').match(/../g) ?? [];
  for (const secret of secrets) {
    const wanted = Buffer.from(secret);
    if (wanted.length < SHORTEST_SECRET) continue;
    for (let at = buffer.indexOf(wanted); at !== -1; at = buffer.indexOf(wanted, at + 1)) {
      pairs.fill('••', at, at + wanted.length);
    }
  }
  return pairs.join('');
}

function mask(value: Plain, secrets: string[]): Plain {
  if (typeof value === 'string') return maskLine(value, secrets);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return (value as readonly Plain[]).map((each) => mask(each, secrets));
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      if (!SECRET.test(name) || each === null || typeof each === 'boolean')
        return [name, mask(each, secrets)];
      collect(each, secrets);
      return [name, MASK];
    }),
  );
}

function maskLine(line: string, secrets: string[]): string {
  return line.replace(
    SECRET_IN_LINE,
    (_, name: string, between: string, scheme: string | undefined, secret: string) => {
      secrets.push(secret);
      return `${name}${between}${scheme ?? ''}${MASK}`;
    },
  );
}

function collect(value: Plain, secrets: string[]): void {
  if (typeof value === 'string' || typeof value === 'number') secrets.push(String(value));
  else if (value !== null && typeof value === 'object') {
    for (const each of Object.values<Plain>(value)) collect(each, secrets);
  }
}
