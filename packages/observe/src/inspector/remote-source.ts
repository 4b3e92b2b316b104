import { systemClock, type Timer } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';
import type { ActionRequest, ActionResult, Sections, Source, TableQuery } from './source.js';

const RETRY_MS = 2_000;

/** The key of the one source that the inspector of a node has. */
const KEY_THERE = '0';

/** A node of another process, by the address that its inspector has shown. */
export class RemoteSource implements Source {
  readonly key: string;
  readonly #origin: string;
  readonly #token: string;

  /** @throws {TypeError} for what is not the address of an inspector */
  constructor(key: string, address: string) {
    const { protocol, origin, hash } = new URL(address);
    const token = new URLSearchParams(hash.slice(1)).get('token') ?? '';
    if (protocol !== 'http:' || !/^[\w-]+$/.test(token)) {
      throw new TypeError('an address of an inspector has the form http://127.0.0.1:9229/#token=…');
    }
    this.key = key;
    this.#origin = origin;
    this.#token = token;
  }

  watch(show: (sections: Sections) => void): () => void {
    return this.#follow(
      '/api/events',
      'sections',
      (data) => show((data as { sections: Sections }).sections),
      (why) => show({ lost: why }),
    );
  }

  tail(connection: number | undefined, show: (frames: unknown) => void): () => void {
    const which = connection === undefined ? '' : `&connection=${connection}`;
    return this.#follow(`/api/frames?source=${KEY_THERE}${which}`, 'frames', show, () => {});
  }

  table({ sort, descending, filter, offset, limit }: TableQuery): Promise<unknown> {
    const query = new URLSearchParams({
      source: KEY_THERE,
      sort,
      order: descending ? 'descending' : 'ascending',
      filter,
      offset: String(offset),
      limit: String(limit),
    });
    return this.#get(`/api/connections?${query.toString()}`);
  }

  connection(id: number): Promise<unknown> {
    return this.#get(`/api/connection?source=${KEY_THERE}&id=${id}`);
  }

  async act(request: ActionRequest): Promise<ActionResult> {
    const response = await this.#fetch('/api/act', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ source: KEY_THERE, ...request }),
    });
    const {
      done = false,
      text,
      error,
    } = (await response.json()) as Partial<ActionResult> & { error?: string };
    return { done, text: text ?? error ?? `the inspector replied with ${response.status}` };
  }

  async #get(path: string): Promise<unknown> {
    const response = await this.#fetch(path);
    if (!response.ok) throw new Error(await whyNot(response));
    return response.json();
  }

  #fetch(path: string, options: RequestInit = {}): Promise<Response> {
    const headers = { ...options.headers, authorization: `Bearer ${this.#token}` };
    return fetch(`${this.#origin}${path}`, { ...options, headers, redirect: 'error' });
  }

  /** Follows events until the function that it returns is called; comes back after the end of the other process. */
  #follow(
    path: string,
    event: string,
    show: (data: unknown) => void,
    onLost: (why: string) => void,
  ): () => void {
    const abort = new AbortController();
    let retry: Timer | undefined;
    const run = async (): Promise<void> => {
      try {
        const response = await this.#fetch(path, { signal: abort.signal });
        if (!response.ok || response.body === null) throw new Error(await whyNot(response));
        for await (const message of eventsIn(response.body)) {
          if (message.event === event) show(JSON.parse(message.data));
        }
        onLost('the process has ended the connection');
      } catch (error) {
        if (!abort.signal.aborted) onLost(whatFailed(error));
      }
      if (!abort.signal.aborted) retry = systemClock.setTimeout(() => void run(), RETRY_MS);
    };
    void run();
    return () => {
      abort.abort();
      retry?.cancel();
    };
  }
}

/** The events of a stream, as WHATWG HTML, section 9.2, has them: as much of it as ours use. */
async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncGenerator<{ event: string; data: string }> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      if (event !== undefined && data !== undefined) yield { event, data };
    }
  }
}

async function whyNot(response: Response): Promise<string> {
  try {
    return ((await response.json()) as { error: string }).error;
  } catch {
    return `it replied with ${response.status}`;
  }
}

/** `fetch failed` says nothing: its cause does. */
function whatFailed(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  if (cause?.code === 'ECONNREFUSED') return 'nobody listens there: the process has ended, or not begun';
  return typeof cause?.code === 'string' ? cause.code : describe(error);
}
