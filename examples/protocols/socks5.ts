/**
 * SOCKS5 (RFC 1928, with the passwords of RFC 1929): a proxy. Shows a handshake of several steps in binary, a dial in the
 * middle of it, several connections to one address, and two half-open connections that are piped into each other, each
 * with the backpressure of the other.
 *
 *   npm run example protocols/socks5 -- 1080
 *   curl --proxy socks5h://ann:secret@127.0.0.1:1080 https://example.com
 */
import { timingSafeEqual } from 'node:crypto';
import { bytes } from '@pea2pea/codecs';
import {
  contextKey,
  PeerError,
  PeerNode,
  type Connection,
  type Handshake,
  type SocketAddress,
} from '@pea2pea/core';
import { formatIp, parseIp } from '@pea2pea/core/authoring';

type Bytes = Connection<Buffer, Uint8Array>;

const [VERSION, PASSWORD_VERSION] = [5, 1];
const [BY_PASSWORD, NO_METHOD] = [2, 0xff];
const CONNECT = 1;
const [IPV4, NAME, IPV6] = [1, 3, 4];
const SUCCEEDED = 0;
const [FAILED, UNREACHABLE, REFUSED, UNSUPPORTED_COMMAND, UNSUPPORTED_ADDRESS] = [1, 4, 5, 7, 8];

const passwords = new Map([['ann', 'secret']]);
/** The connection that was made for a client. */
const TARGET = contextKey<Bytes>('target');

const proxy: PeerNode<Buffer, Uint8Array> = new PeerNode({
  codec: bytes(),
  halfOpen: true, // who has said all may still be listening
  handshakeTimeoutMs: 15_000, // with the dial in it
  connectTimeoutMs: 10_000,
  idleTimeoutMs: 10 * 60_000,
  maxConnections: 1_000,
  maxConnectionsPerIp: 500,
}).use({
  async onHandshake(handshake) {
    if (handshake.direction === 'outbound') return;
    await authenticate(handshake);
    const target = await connectFor(handshake);
    handshake.signal.addEventListener('abort', () => void target.disconnect('the client has gone'), {
      once: true,
    });
    await reply(handshake, SUCCEEDED, target.localAddress);
    handshake.context.set(TARGET, target);
  },
  onConnect(client) {
    const target = client.context.get(TARGET);
    if (target === undefined) return; // the outbound ones
    void pipe(client, target);
    void pipe(target, client);
  },
});

/** What one side says, and its end, the other side says. A reset of one side ends both. */
async function pipe(from: Bytes, to: Bytes): Promise<void> {
  try {
    for await (const chunk of from) await to.send(chunk);
    await to.end();
  } catch {
    await Promise.all([from.disconnect(), to.disconnect()]);
  }
}

/** Which method, then who it is. An open proxy would be everybody's. */
async function authenticate(handshake: Handshake): Promise<void> {
  const [version, count] = await handshake.read(2);
  if (version !== VERSION) handshake.reject(`version ${version} of SOCKS is not spoken here`);
  const methods = await handshake.read(count!);
  if (!methods.includes(BY_PASSWORD)) {
    await handshake.write(Buffer.from([VERSION, NO_METHOD]));
    handshake.reject('the client has no password');
  }
  await handshake.write(Buffer.from([VERSION, BY_PASSWORD]));
  const [passwordVersion, length] = await handshake.read(2);
  if (passwordVersion !== PASSWORD_VERSION) handshake.reject('a password was expected');
  const user = String(await handshake.read(length!));
  const [size] = await handshake.read(1);
  const isKnown = isSame(await handshake.read(size!), Buffer.from(passwords.get(user) ?? ''));
  await handshake.write(Buffer.from([PASSWORD_VERSION, isKnown ? 0 : 1]));
  if (!isKnown) handshake.reject('the password is wrong');
}

function isSame(given: Buffer, expected: Buffer): boolean {
  return expected.length > 0 && given.length === expected.length && timingSafeEqual(given, expected);
}

/** Reads where the client wants to go, and goes there. */
async function connectFor(handshake: Handshake): Promise<Bytes> {
  const [, command, , type] = await handshake.read(4);
  const host = await hostOf(handshake, type!);
  const port = (await handshake.read(2)).readUInt16BE();
  if (command !== CONNECT) return refuse(handshake, UNSUPPORTED_COMMAND, 'only CONNECT is supported');
  if (port === 0) return refuse(handshake, FAILED, 'a port is 0');
  try {
    return await proxy.connect({ host, port }, { parallel: true, signal: handshake.signal });
  } catch (error) {
    if (!PeerError.is(error)) throw error;
    return refuse(handshake, codeFor(error), error.message);
  }
}

async function hostOf(handshake: Handshake, type: number): Promise<string> {
  if (type === IPV4) return formatIp({ version: 4, groups: [...(await handshake.read(4))], zone: '' });
  if (type === NAME) return String(await handshake.read((await handshake.read(1))[0]!));
  if (type !== IPV6) return refuse(handshake, UNSUPPORTED_ADDRESS, `an address has the type ${type}`);
  const address = await handshake.read(16);
  const groups = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(index * 2));
  return formatIp({ version: 6, groups, zone: '' });
}

function codeFor(error: PeerError): number {
  if (error.code === 'P2P_ERR_CONNECT_TIMEOUT') return UNREACHABLE;
  if (error.code !== 'P2P_ERR_CONNECT_FAILED') return FAILED;
  return (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED' ? REFUSED : UNREACHABLE;
}

async function refuse(handshake: Handshake, code: number, why: string): Promise<never> {
  await reply(handshake, code);
  return handshake.reject(why);
}

function reply(handshake: Handshake, code: number, bound?: SocketAddress): Promise<void> {
  const { version, groups } = parseIp(bound?.host ?? '0.0.0.0')!;
  const size = version === 4 ? 1 : 2;
  const host = Buffer.alloc(groups.length * size);
  groups.forEach((group, index) => host.writeUIntBE(group, index * size, size));
  const port = bound?.port ?? 0;
  const head = Buffer.from([VERSION, code, 0, version === 4 ? IPV4 : IPV6]);
  return handshake.write(Buffer.concat([head, host, Buffer.from([port >> 8, port & 255])]));
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void proxy.close());
const address = await proxy.listen({ host: '127.0.0.1', port: Number(process.argv[2] ?? 1080) });
console.log(`socks5 at ${address}`);
