import type { Handshake } from '@pea2pea/core';
import { decodeUtf8 } from '@pea2pea/core/authoring';
import { MAX_PROTOCOLS } from './message.js';
import type { Offer } from './negotiated.js';
import { streamError } from '../shared/errors.js';

/** The most bytes of a hello, both ways. */
const MAX_HELLO = 64 * 1024;
/** The most characters that one protocol says in it, as JSON: a connection keeps them, or what they become, in no budget. */
export const MAX_SAID = 4_096;
const NAME = /^[\x21-\x7e]{1,100}$/;

/** @throws {PeerError} P2P_ERR_PROTOCOL_MISMATCH when it is too long */
export async function sayHello(handshake: Handshake, offers: readonly Offer[]): Promise<void> {
  const text = JSON.stringify({ protocols: offers.map(plain) });
  const bytes = Buffer.from(text);
  if (bytes.length > MAX_HELLO)
    throw streamError(
      'P2P_ERR_PROTOCOL_MISMATCH',
      `our hello has ${bytes.length} bytes, the limit is ${MAX_HELLO}`,
    );
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  await handshake.write(Buffer.concat([head, bytes]));
}

/** @throws {PeerError} P2P_ERR_PROTOCOL_MISMATCH for anything else than a hello */
export async function hearHello(handshake: Handshake): Promise<Offer[]> {
  const length = (await handshake.read(4)).readUInt32BE();
  if (length > MAX_HELLO) throw notHello(`of ${length} bytes`);
  const bytes = await handshake.read(length);
  let said: unknown;
  try {
    said = JSON.parse(decodeUtf8(bytes));
  } catch {
    throw notHello('that is not JSON');
  }
  const { protocols } = Object(said) as { protocols?: unknown };
  if (!Array.isArray(protocols) || protocols.length > MAX_PROTOCOLS || !protocols.every(isOffer))
    throw notHello('that lists no protocols');
  const names = new Set(protocols.map(({ name }) => name));
  if (names.size < protocols.length) throw notHello('that lists a protocol twice');
  if (protocols.some(({ hello }) => !isShort(hello)))
    throw notHello(`in which a protocol says more than ${MAX_SAID} characters`);
  return protocols.map((offer) => ({ ...offer, required: offer.required === true }));
}

function plain({ name, versions, required, hello }: Offer): object {
  return { name, versions, ...(required && { required }), ...(hello !== undefined && { hello }) };
}

function isOffer(value: unknown): value is Offer {
  const { name, versions } = Object(value) as { name?: unknown; versions?: unknown };
  return (
    typeof name === 'string' &&
    NAME.test(name) &&
    Array.isArray(versions) &&
    versions.length <= 100 &&
    versions.every((version) => Number.isSafeInteger(version) && version >= 0)
  );
}

/** Whether a protocol may say this in a hello. What cannot be JSON throws. */
export function isShort(hello: unknown): boolean {
  return (JSON.stringify(hello) ?? '').length <= MAX_SAID;
}

/** Whether a protocol may have this name: printable ASCII without spaces. */
export function isProtocolName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name);
}

function notHello(what: string): Error {
  return streamError('P2P_ERR_PROTOCOL_MISMATCH', `the peer began with a hello ${what}`);
}
