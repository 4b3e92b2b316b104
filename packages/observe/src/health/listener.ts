import type { IncomingMessage, ServerResponse } from 'node:http';
import { requireKnown, requireString } from '@pea2pea/core/authoring';
import type { Observed } from '../snapshot/observed.js';
import { health } from './health.js';

/** Where the checks are. */
export interface HealthListenerOptions {
  /** The path that tells whether it is alive. @default '/livez' */
  readonly livePath?: string;
  /** The path that tells whether it is ready for more peers. @default '/readyz' */
  readonly readyPath?: string;
}

/** Takes the requests of a `node:http` server. */
export type HealthListener = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * The two checks as a listener of a `node:http` server: 200 where all is well, else 503, with the {@link Health} as JSON.
 *
 * ```ts
 * createServer(healthListener(app)).listen(9090);
 * ```
 *
 * note: it replies to GET and HEAD of the two paths, and with 404 to all else.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option, or for what is not a node
 */
export function healthListener(observed: Observed, options: HealthListenerOptions = {}): HealthListener {
  requireKnown('the options of healthListener()', options, ['livePath', 'readyPath']);
  const { livePath = '/livez', readyPath = '/readyz' } = options;
  requireString('livePath', livePath);
  requireString('readyPath', readyPath);
  health(observed); // what is not a node is refused now, not by the first check
  return ({ method, url = '' }, response) => {
    const [path] = url.split('?', 1);
    if ((method !== 'GET' && method !== 'HEAD') || (path !== livePath && path !== readyPath)) {
      response.writeHead(404).end();
      return;
    }
    const found = health(observed);
    const isWell = path === livePath ? found.isLive : found.isReady;
    const body = JSON.stringify(found);
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
    response.writeHead(isWell ? 200 : 503, headers).end(method === 'HEAD' ? undefined : body);
  };
}
