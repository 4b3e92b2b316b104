import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { describe } from '@pea2pea/core/authoring';
import { assets } from './assets.js';
import { EventStream } from './event-stream.js';
import { Guard, newToken, type Refusal } from './guard.js';
import type { ResolvedServing } from './options.js';
import { readAction, readQuery } from './requests.js';
import type { Source } from './source.js';

/** Pages, and parts of them, at once; a browser opens six. */
const MOST_SOCKETS = 64;

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/** Serves the page, and what it asks for, for some sources. */
export class InspectorServer {
  readonly #sources: readonly Source[];
  readonly #options: ResolvedServing;
  readonly #token: string;
  readonly #guard: Guard;
  readonly #http: Server;
  readonly #keepsAlive: boolean;
  #url: string | undefined;

  /** `keepsAlive`: whether the process lives for the page. */
  constructor(sources: readonly Source[], options: ResolvedServing, { keepsAlive = false } = {}) {
    this.#keepsAlive = keepsAlive;
    this.#sources = sources;
    this.#options = options;
    this.#token = options.token ?? newToken();
    this.#guard = new Guard(this.#token);
    this.#http = createServer({ maxHeaderSize: 8 * 1024 }, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else reply(response, 500, { error: describe(error) });
      });
    });
    this.#http.maxConnections = MOST_SOCKETS;
    if (!keepsAlive) this.#http.on('connection', (socket) => socket.unref());
  }

  /** The address of the page, the token included; undefined unless it is served. */
  get url(): string | undefined {
    return this.#url;
  }

  /** @throws what the system says, such as EADDRINUSE */
  async start(): Promise<void> {
    assets();
    const { port, host } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', reject);
      this.#http.listen(port, host, () => {
        this.#http.off('error', reject);
        resolve();
      });
    });
    if (!this.#keepsAlive) this.#http.unref();
    this.#http.on('error', () => {}); // accepting failed once: the next page may have more luck
    const bound = this.#http.address();
    const at = typeof bound === 'object' && bound !== null ? bound.port : port;
    const name = host.includes(':') ? `[${host}]` : host;
    this.#url = `http://${name}:${at}/#token=${this.#token}`;
  }

  /** Ends all pages at once. */
  async stop(): Promise<void> {
    this.#url = undefined;
    if (!this.#http.listening) return;
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    this.#http.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {}); // the page has gone
    const refusal = this.#guard.refuseOrigin(request);
    if (refusal !== undefined) return refuse(response, refusal);
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://inspector');
    if (!pathname.startsWith('/api/')) return serveAsset(request, response, pathname);
    const wrong = this.#guard.refuseToken(request) ?? refuseMethod(request, pathname);
    if (wrong !== undefined) return refuse(response, wrong);
    switch (pathname) {
      case '/api/events':
        return this.#watch(response);
      case '/api/frames':
        return this.#tail(response, this.#source(searchParams), searchParams.get('connection'));
      case '/api/connections':
        return reply(response, 200, await this.#source(searchParams)?.table(readQuery(searchParams)));
      case '/api/connection':
        return reply(
          response,
          200,
          await this.#source(searchParams)?.connection(Number(searchParams.get('id'))),
        );
      case '/api/act':
        return this.#act(request, response);
      default:
        return reply(response, 404, { error: 'there is no such thing' });
    }
  }

  #source(params: URLSearchParams): Source | undefined {
    const key = params.get('source');
    return this.#sources.find((source) => source.key === key);
  }

  #watch(response: ServerResponse): void {
    const stream = new EventStream(response, HEADERS);
    stream.send('sources', { sources: this.#sources.map(({ key }) => key) });
    const watches = this.#sources.map((source) =>
      source.watch((sections) => {
        // What a page does not read in time it learns with the next change.
        stream.send('sections', { source: source.key, sections });
      }),
    );
    stream.onEnd(() => watches.forEach((letGo) => letGo()));
  }

  #tail(response: ServerResponse, source: Source | undefined, connection: string | null): void {
    if (source === undefined) return reply(response, 404, { error: 'there is no such source' });
    const stream = new EventStream(response, HEADERS);
    const id = connection === null ? undefined : Number(connection);
    stream.onEnd(source.tail(id, (frames) => void stream.send('frames', frames)));
  }

  async #act(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const read = await readAction(request);
    if ('status' in read) return refuse(response, read);
    const source = this.#sources.find(({ key }) => key === read.source);
    if (source === undefined) return reply(response, 404, { error: 'there is no such source' });
    const result = await source.act(read.request);
    return reply(response, result.done ? 200 : 409, result);
  }
}

function serveAsset({ method }: IncomingMessage, response: ServerResponse, pathname: string): void {
  const asset = assets().get(pathname);
  if (asset === undefined) return reply(response, 404, { error: 'there is no such thing' });
  if (method !== 'GET' && method !== 'HEAD')
    return refuse(response, { status: 405, why: 'it can be read only' });
  response.writeHead(200, { ...HEADERS, 'content-type': asset.type, 'content-length': asset.body.length });
  response.end(method === 'HEAD' ? undefined : asset.body);
}

function refuseMethod({ method }: IncomingMessage, pathname: string): Refusal | undefined {
  const wanted = pathname === '/api/act' ? 'POST' : 'GET';
  return method === wanted ? undefined : { status: 405, why: `it takes ${wanted} alone` };
}

function refuse(response: ServerResponse, { status, why }: Refusal): void {
  response.setHeader('connection', 'close'); // a body that nobody reads
  reply(response, status, { error: why });
}

function reply(response: ServerResponse, status: number, data: unknown): void {
  if (data === undefined) return reply(response, 404, { error: 'there is no such source' });
  const body = Buffer.from(JSON.stringify(data));
  response.writeHead(status, {
    ...HEADERS,
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
  });
  response.end(body);
}
