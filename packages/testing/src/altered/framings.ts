import { invalidConfig } from '@pea2pea/core/authoring';
import {
  CONTENT_LENGTH,
  decimalPrefixed,
  lengthPrefixed,
  LINES,
  RAW,
  SUB_PROTOCOLS,
  TLS_RECORDS,
  type Framing,
} from './framing.js';
import { WEBSOCKET } from './websocket-framing.js';

/** Those that have no option. */
const FRAMINGS: readonly Framing[] = [
  RAW,
  LINES,
  lengthPrefixed(1),
  ...(['be', 'le'] as const).flatMap((endianness) => [
    lengthPrefixed(2, endianness),
    lengthPrefixed(4, endianness),
  ]),
  CONTENT_LENGTH,
  WEBSOCKET,
  TLS_RECORDS,
  SUB_PROTOCOLS,
];

/**
 * The framing with this name: `raw`, `lines`, `u8`, `u16be`, `u16le`, `u32be`, `u32le`, `decimal:#`, `content-length`,
 * `websocket`, `tls`, `sub-protocols`.
 *
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG where there is none
 */
export function framingOf(name: string): Framing {
  const [kind, separator] = name.split(':', 2) as [string, string | undefined];
  if (kind === 'decimal' && separator !== undefined && separator !== '') return decimalPrefixed(separator);
  const framing = FRAMINGS.find((each) => each.name === name);
  if (framing === undefined) {
    const known = [...FRAMINGS.map((each) => each.name), 'decimal:#'].join(', ');
    throw invalidConfig(`there is no framing ${JSON.stringify(name)}, but ${known}`);
  }
  return framing;
}
