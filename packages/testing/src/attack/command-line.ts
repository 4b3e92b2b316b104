import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { SocketAddress } from '@pea2pea/core';
import { ALTERATIONS, FRAME_ALTERATIONS, WIRE_ALTERATIONS } from '../altered/alter.js';
import { framingOf } from '../altered/framings.js';
import { alterationsFor, type WireAlteration } from './names.js';
import type { AttackOptions } from './options.js';

const ALL: readonly WireAlteration[] = [...WIRE_ALTERATIONS, ...FRAME_ALTERATIONS];
/** How long all of them may take together. */
const MOST_SECONDS_EACH = 600;

export const USAGE = `usage: pea2pea-attack <host:port> [options]

Sets peers with something wrong against a server of yours, of any protocol over TCP, one after the other, and tells what the
server did, and whether honest clients were served meanwhile and afterwards.

  --probe TEXT     what an honest client asks, with escapes as in JSON; %n is another number each time   (hello)
  --expect TEXT    what the reply contains                                            (whatever comes next)
  --relays         the reply goes to the other clients, as in a chat
  --hello TEXT     what a client says first, so that the server takes it for one of its own; @FILE reads a file
  --say TEXT       what the peers with something wrong say                            (the probe)
  --framing NAME   raw, lines, u8, u16be, u16le, u32be, u32le, decimal:#, content-length, websocket (raw)
                   what is said is put into frames, and peers that know of frames join in
  --path PATH      of a WebSocket                                                     (/)
  --tls            all of it inside TLS, whatever the certificate
  --before-hello   they do wrong from the first byte, not after the hello
  --only NAMES     these peers only, with commas between
  --seed NUMBER    what their chance follows from                                     (1)
  --seconds NUMBER how long each stays                                                (2)
  --pid NUMBER     the process of the server: its memory, descriptors and computing are told (Linux)
  --from ADDRESS   the address that they dial from                (127.0.0.2 for a server at 127.0.0.1, on Linux)
  --json           the report as JSON
  --list           the peers
  --mine           the server is yours: needed where it is not on this machine

A peer sends 16 MiB over a connection at most, and opens 20 besides its own at once.
exit code: 0 it held; 1 it did not; 2 the options make no sense; 3 honest clients were not served to begin with`;

/** What a command line asks for. */
export type Asked =
  | { readonly kind: 'list'; readonly lines: readonly string[] }
  | {
      readonly kind: 'attack';
      readonly at: SocketAddress;
      readonly isJson: boolean;
      readonly options: AttackOptions;
    };

/** @throws {Error} for what makes no sense */
export function readArguments(argv: readonly string[]): Asked {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      probe: { type: 'string' },
      expect: { type: 'string' },
      relays: { type: 'boolean', default: false },
      hello: { type: 'string' },
      say: { type: 'string' },
      framing: { type: 'string', default: 'raw' },
      path: { type: 'string', default: '/' },
      tls: { type: 'boolean', default: false },
      'before-hello': { type: 'boolean', default: false },
      only: { type: 'string' },
      seed: { type: 'string', default: '1' },
      seconds: { type: 'string', default: '2' },
      pid: { type: 'string' },
      from: { type: 'string' },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      mine: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { kind: 'list', lines: [USAGE] };
  if (values.list)
    return { kind: 'list', lines: ALL.map((name) => `${name.padEnd(18)} ${ALTERATIONS[name]}`) };
  const [target, ...rest] = positionals;
  if (target === undefined || rest.length > 0) throw new RangeError('name one server');
  const at = SocketAddress.from(target);
  if (!at.isLoopback && at.host !== 'localhost' && !values.mine) {
    throw new RangeError(`${at} is not on this machine: say --mine if it is yours`);
  }
  const framing = framingOf(values.framing);
  const names = alterationsFor(framing);
  const localAddress = values.from ?? (isFirstLoopback(at) ? '127.0.0.2' : undefined);
  const options: AttackOptions = {
    probe: textOf(values.probe ?? (framing.name === 'raw' ? 'hello\\n' : 'hello')),
    framing,
    relays: values.relays,
    path: values.path,
    tls: values.tls,
    beforeHello: values['before-hello'],
    seed: numberOf('seed', values.seed, 2 ** 32),
    lastingMs: 1_000 * numberOf('seconds', values.seconds, MOST_SECONDS_EACH),
    ...(values.expect !== undefined && { expect: textOf(values.expect) }),
    ...(values.hello !== undefined && { hello: contentOf(values.hello) }),
    ...(values.say !== undefined && { say: textOf(values.say) }),
    ...(values.only !== undefined && { only: values.only.split(',').map((name) => nameOf(name, names)) }),
    ...(values.pid !== undefined && { pid: numberOf('pid', values.pid, 2 ** 32) }),
    ...(localAddress !== undefined && { localAddress }),
  };
  return { kind: 'attack', at, isJson: values.json, options };
}

function nameOf(text: string, possible: readonly WireAlteration[]): WireAlteration {
  const name = ALL.find((each) => each === text);
  if (name === undefined)
    throw new RangeError(`there is no peer ${JSON.stringify(text)}: --list tells which there are`);
  if (!possible.includes(name)) throw new RangeError(`${name} needs a --framing`);
  return name;
}

function textOf(text: string): string {
  try {
    return JSON.parse(`"${text.replaceAll('"', '\\"')}"`) as string;
  } catch {
    throw new RangeError(`${JSON.stringify(text)} has an escape that JSON does not know`);
  }
}

function contentOf(text: string): Uint8Array | string {
  return text.startsWith('@') ? readFileSync(text.slice(1)) : textOf(text);
}

function numberOf(name: string, text: string, max: number): number {
  const number = Number(text);
  if (!(number > 0 && number <= max))
    throw new RangeError(`--${name} must be a number up to ${max}, not ${text}`);
  return number;
}

/** Linux has all of 127.0.0.0/8 by itself. */
function isFirstLoopback({ host }: SocketAddress): boolean {
  return process.platform === 'linux' && (host === '127.0.0.1' || host === 'localhost');
}
