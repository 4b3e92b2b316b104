import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ConnectionContext, contextKey, type Handshake } from '@pea2pea/core';

const MAX_HEAD = 8 * 1024;
const END = '\r\n\r\n';

/** What the head of an HTTP message says, with names in lower case. */
interface Head {
  readonly start: string;
  readonly headers: ReadonlyMap<string, string>;
}

/** The request, where an HTTP server has read it already: {@link fromHttp}. */
const REQUEST = contextKey<Head>('request');

/** What `node.accept(socket, …)` is given for an upgrade of `node:http`. */
export function fromHttp({ method, url, httpVersion, headers }: IncomingMessage, head: Buffer) {
  const entries = Object.entries(headers).map(([name, value]) => [name, String(value)] as const);
  const request = { start: `${method} ${url} HTTP/${httpVersion}`, headers: new Map(entries) };
  return { head, context: new ConnectionContext().with(REQUEST, request) };
}

export interface UpgradeOptions {
  /** Which pages may connect: their origins, such as `https://example.com`. Programs that are not browsers send none. */
  readonly origins: (origin: string, host: string) => boolean;
  /** What a browser gets that asks for a page. */
  readonly page: string;
}

/** RFC 6455 4.2: takes the request of a client. Anything but a request for a WebSocket is replied to in HTTP. */
export async function acceptUpgrade(handshake: Handshake, { origins, page }: UpgradeOptions): Promise<void> {
  const { start, headers } = handshake.context.get(REQUEST) ?? (await readHead(handshake));
  const refuse = async (status: string, body: string, ...more: string[]): Promise<never> => {
    const length = `Content-Length: ${Buffer.byteLength(body)}`;
    await handshake.write(
      [`HTTP/1.1 ${status}`, ...more, length, 'Connection: close', '', body].join('\r\n'),
    );
    return handshake.reject(status);
  };
  if (!/^GET \S+ HTTP\/1\.1$/.test(start)) await refuse('405 Method Not Allowed', '', 'Allow: GET');
  if (
    headers.get('upgrade')?.toLowerCase() !== 'websocket' ||
    !/\bupgrade\b/i.test(headers.get('connection') ?? '')
  ) {
    await refuse('200 OK', page, 'Content-Type: text/html; charset=utf-8');
  }
  if (headers.get('sec-websocket-version') !== '13')
    await refuse('426 Upgrade Required', '', 'Sec-WebSocket-Version: 13');
  const key = headers.get('sec-websocket-key') ?? '';
  if (!/^[\w+/]{22}==$/.test(key)) await refuse('400 Bad Request', '');
  const origin = headers.get('origin');
  if (origin !== undefined && !origins(origin, headers.get('host') ?? '')) await refuse('403 Forbidden', '');
  await handshake.write(
    ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'].join('\r\n') +
      `\r\nSec-WebSocket-Accept: ${acceptOf(key)}${END}`,
  );
}

/** RFC 6455 4.1: asks a server. */
export async function requestUpgrade(handshake: Handshake, path = '/'): Promise<void> {
  const key = randomBytes(16).toString('base64');
  await handshake.write(
    [`GET ${path} HTTP/1.1`, `Host: ${handshake.dialled!}`, 'Upgrade: websocket', 'Connection: Upgrade'].join(
      '\r\n',
    ) + `\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}${END}`,
  );
  const { start, headers } = await readHead(handshake);
  if (!start.startsWith('HTTP/1.1 101 ')) handshake.reject(`the server replied ${start}`);
  if (headers.get('sec-websocket-accept') !== acceptOf(key))
    handshake.reject('the server does not speak WebSocket');
}

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

async function readHead(handshake: Handshake): Promise<Head> {
  const [start = '', ...lines] = (await handshake.readUntil(END, MAX_HEAD)).toString('latin1').split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1) handshake.reject('a header has no name');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { start, headers };
}
