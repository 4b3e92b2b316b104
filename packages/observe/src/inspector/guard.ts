import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { parseIp } from '@pea2pea/core/authoring';

/** Why a request is not served. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 405 | 415 | 421;
  readonly why: string;
}

/** A secret that nobody guesses. */
export function newToken(): string {
  return randomBytes(24).toString('base64url');
}

/**
 * Who may ask. A page of somebody else in the same browser can send requests here, also under a name of its own that it has
 * pointed at this address; but it can neither read the token nor send it along.
 */
export class Guard {
  readonly #token: Buffer;

  constructor(token: string) {
    this.#token = digest(token);
  }

  /** For all requests, those for the page itself included. Undefined where it may go on. */
  refuseOrigin({ headers, socket }: IncomingMessage): Refusal | undefined {
    const { host, origin } = headers;
    if (host === undefined || !isOurName(host, socket.localAddress)) {
      return { status: 421, why: 'the page is served under its IP address and localhost alone' };
    }
    const isForeign = origin !== undefined && origin !== `http://${host}`;
    const site = headers['sec-fetch-site'];
    // Addresses that are typed or clicked in a terminal have `none`.
    const isCrossSite = site !== undefined && site !== 'same-origin' && site !== 'none';
    if (!isForeign && !isCrossSite) return undefined;
    return { status: 403, why: 'requests of other pages are not served' };
  }

  /** For requests for data. */
  refuseToken({ headers }: IncomingMessage): Refusal | undefined {
    const [, given = ''] = /^Bearer ([\w-]+)$/.exec(headers.authorization ?? '') ?? [];
    if (timingSafeEqual(digest(given), this.#token)) return undefined;
    return {
      status: 401,
      why: 'the token is missing or wrong: use the whole address that the inspector has shown',
    };
  }
}

/** Whether a page at `host` cannot be one of another site, whose name was pointed here. */
function isOurName(host: string, localAddress: string | undefined): boolean {
  const [, v6, name] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d+)?$/i.exec(host) ?? [];
  const shown = v6 ?? name;
  if (shown === undefined) return false;
  if (shown.toLowerCase() === 'localhost') return true;
  const [asked, here] = [parseIp(shown), parseIp(localAddress ?? '')];
  return asked !== undefined && here !== undefined && String(asked.groups) === String(here.groups);
}

/** Makes digests of one length whatever was given, so that they can be compared in constant time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
