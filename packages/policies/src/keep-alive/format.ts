/** A sign of life: a ping with a nonce, or the pong with the same nonce. Our own nonces are integers from 1 on. */
export type SignOfLife = { readonly ping: unknown } | { readonly pong: unknown };

/** What pings and pongs are as messages of a protocol. */
export interface PingFormat {
  /** The message for a ping, whose nonce is an integer, or for a pong, whose nonce is what {@link read} found in a ping. */
  write(sign: SignOfLife): unknown;
  /** What a message is: undefined for all that are neither ping nor pong. It is called for every message: be quick. */
  read(message: unknown): SignOfLife | undefined;
}

/**
 * Pings for codecs that carry objects: `{ $ping: 1 }` and `{ $pong: 1 }`. Anything else, as another key beside it, is a
 * message of yours.
 */
export const objectPings: PingFormat = {
  write: (sign) => ('ping' in sign ? { $ping: sign.ping } : { $pong: sign.pong }),
  read(message) {
    if (typeof message !== 'object' || message === null) return undefined;
    const { $ping, $pong } = message as { readonly $ping?: unknown; readonly $pong?: unknown };
    if ($ping === undefined && $pong === undefined) return undefined;
    if (Object.keys(message).length !== 1) return undefined;
    if (Number.isSafeInteger($ping)) return { ping: $ping };
    return Number.isSafeInteger($pong) ? { pong: $pong } : undefined;
  },
};

/** The longest id of a JSON-RPC request that is taken for that of a ping: it is sent back. */
const MAX_ID_LENGTH = 64;

/** The ids of our own pings. */
const OWN_ID = /^ping-\d+$/;

/**
 * Pings that are JSON-RPC 2.0: requests of a method `ping` without parameters. Whatever a peer replies, be it that it has no
 * such method, is a pong; the result of its own requests of that method is null.
 *
 * note: list `keepAlive` before `requests`, which then sees nothing of them.
 */
export const jsonRpcPings: PingFormat = {
  write: (sign) =>
    'ping' in sign
      ? { jsonrpc: '2.0', id: `ping-${String(sign.ping)}`, method: 'ping' }
      : { jsonrpc: '2.0', id: sign.pong, result: null },
  read(message) {
    if (typeof message !== 'object' || message === null) return undefined;
    const { jsonrpc, id, method, params } = message as Readonly<Record<string, unknown>>;
    if (jsonrpc !== '2.0') return undefined;
    if (method === 'ping') return isId(id) && isEmpty(params) ? { ping: id } : undefined;
    if (method !== undefined || typeof id !== 'string' || !OWN_ID.test(id)) return undefined;
    return { pong: Number(id.slice('ping-'.length)) };
  },
};

function isId(id: unknown): boolean {
  return typeof id === 'string' ? id.length <= MAX_ID_LENGTH : Number.isSafeInteger(id);
}

/** Without parameters: none at all, or an empty array or object. */
function isEmpty(params: unknown): boolean {
  return (
    params === undefined ||
    (typeof params === 'object' && params !== null && Object.keys(params).length === 0)
  );
}
