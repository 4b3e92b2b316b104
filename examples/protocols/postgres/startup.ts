import { randomInt, timingSafeEqual } from 'node:crypto';
import { contextKey, type Handshake } from '@pea2pea/core';
import { tlsHandshake, type TlsContext } from '@pea2pea/tls';
import { backend, errorResponse, Fields, int, readyForQuery, SqlError } from './wire.js';

/** The numbers that stand where a version would. */
const [SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST, VERSION_3] = [80_877_103, 80_877_104, 80_877_102, 3];
const MAX_LENGTH = 10_000;
const PASSWORD_NEEDED = 3;

/** Who has logged in. */
export const USER = contextKey<string>('user');

/**
 * The start of a connection, 55.2.1 of the manual: what comes first has no letter. Encryption is asked for in the clear, and
 * nothing that was sent before it is agreed on counts afterwards.
 */
export async function startUp(
  handshake: Handshake,
  tls: TlsContext,
  passwordOf: (user: string) => string | undefined,
): Promise<void> {
  let encrypted = false;
  for (;;) {
    const length = (await handshake.read(4)).readInt32BE();
    if (length < 8 || length > MAX_LENGTH) handshake.reject('the length of a start makes no sense');
    const packet = await handshake.read(length - 4);
    const code = packet.readInt32BE();
    if (code === SSL_REQUEST && !encrypted) {
      await handshake.write('S');
      await tlsHandshake(handshake, tls);
      encrypted = true;
    } else if (code === GSS_REQUEST && !encrypted) {
      await handshake.write('N');
    } else if (code === CANCEL_REQUEST) {
      handshake.reject('nothing runs for so long that it could be cancelled');
    } else {
      return logIn(handshake, packet, encrypted, passwordOf);
    }
  }
}

async function logIn(
  handshake: Handshake,
  packet: Buffer,
  encrypted: boolean,
  passwordOf: (user: string) => string | undefined,
): Promise<void> {
  const fail = async (state: string, message: string): Promise<never> => {
    await handshake.write(errorResponse(new SqlError(state, message), 'FATAL'));
    return handshake.reject(message);
  };
  if (packet.readInt16BE(0) !== VERSION_3) await fail('0A000', 'only version 3 of the protocol is spoken');
  const user = parametersOf(packet.subarray(4)).get('user') ?? '';
  if (!encrypted) await fail('28000', 'connections have to be encrypted: sslmode=require');
  await handshake.write(backend('R', int(4, PASSWORD_NEEDED)));
  const head = await handshake.read(5);
  const length = head.readInt32BE(1);
  if (head[0] !== 0x70 || length < 5 || length > MAX_LENGTH) await fail('08P01', 'a password was expected');
  const given = new Fields(await handshake.read(length - 4)).text();
  const expected = passwordOf(user);
  if (expected === undefined || !isSame(given, expected))
    await fail('28P01', `password authentication failed for user "${user}"`);
  handshake.context.set(USER, user);
  const settings = {
    server_version: '17.0',
    server_encoding: 'UTF8',
    client_encoding: 'UTF8',
    standard_conforming_strings: 'on',
  };
  await handshake.write(
    Buffer.concat([
      backend('R', int(4, 0)),
      ...Object.entries(settings).map(([name, value]) => backend('S', name, value)),
      backend('K', int(4, process.pid), int(4, randomInt(2 ** 31))),
      readyForQuery(),
    ]),
  );
}

/** Names and values, each with a zero byte after it. */
function parametersOf(bytes: Buffer): Map<string, string> {
  const texts = bytes.toString().split('\0');
  const pairs = texts
    .slice(0, -2)
    .flatMap((name, index) => (index % 2 === 0 ? [[name, texts[index + 1]!] as const] : []));
  return new Map(pairs);
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
