import { createHash } from 'node:crypto';
import { found, type Framing } from './framing.js';

const TEXT = 0x81;
/** Any mask does: it keeps caches from being misled, and need not be secret. */
const MASK = Buffer.from([0x17, 0x2a, 0x39, 0x4c]);
/** Sixteen bytes of no meaning. */
const KEY = Buffer.from('pea2pea-attacks!').toString('base64');
const SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Frames of WebSocket (RFC 6455) as a client sends them: masked, each a whole message of text. */
export const WEBSOCKET: Framing = {
  name: 'websocket',
  frame: (content) => Buffer.concat([WEBSOCKET.head(content.length)!, masked(content)]),
  first(bytes) {
    if (bytes.length < 2) return undefined;
    const isMasked = bytes[1]! >= 0x80;
    const short = bytes[1]! & 0x7f;
    const extra = short === 127 ? 8 : short === 126 ? 2 : 0;
    const head = 2 + extra + (isMasked ? 4 : 0);
    if (bytes.length < head) return undefined;
    const length = extra === 0 ? short : bytes.readUIntBE(extra === 2 ? 2 : 4, extra === 2 ? 2 : 6);
    const frame = found(bytes, head, length);
    return frame && isMasked ? { ...frame, content: masked(frame.content) } : frame;
  },
  head(length) {
    if (length < 126) return Buffer.concat([Buffer.from([TEXT, 0x80 | length]), MASK]);
    const isShort = length < 65_536;
    const bytes = Buffer.alloc(isShort ? 4 : 10);
    bytes[0] = TEXT;
    bytes[1] = 0x80 | (isShort ? 126 : 127);
    if (isShort) bytes.writeUInt16BE(length, 2);
    else bytes.writeUIntBE(length, 4, 6);
    return Buffer.concat([bytes, MASK]);
  },
  mostAnnounced: 2 ** 47,
  filler: 0x61,
};

/** What a client asks an HTTP server for. */
export function upgradeRequest(path: string, host: string): Buffer {
  return Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
}

/** How long the response that opens a WebSocket is; undefined where there is more to come. @throws {Error} for any other */
export function upgradeResponse(bytes: Buffer): number | undefined {
  const at = bytes.indexOf('\r\n\r\n');
  if (at === -1) return undefined;
  const head = bytes.toString('latin1', 0, at);
  const accepted = createHash('sha1')
    .update(KEY + SUFFIX)
    .digest('base64');
  if (!head.startsWith('HTTP/1.1 101 ') || !head.includes(accepted)) {
    throw new Error(`the server did not open a WebSocket, but said ${JSON.stringify(head.split('\r\n')[0])}`);
  }
  return at + 4;
}

function masked(content: Uint8Array): Buffer {
  return Buffer.from(content.map((byte, index) => byte ^ MASK[index % 4]!));
}
