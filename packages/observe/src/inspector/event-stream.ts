import type { ServerResponse } from 'node:http';

/** More than that waits for a page that does not read: it is told less. */
const MOST_WAITING_BYTES = 1024 * 1024;

/** Server-sent events to one page. */
export class EventStream {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse, headers: Readonly<Record<string, string>>) {
    this.#response = response;
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8' });
    response.write(': live\n\n');
  }

  /** Whether the page takes more for now. */
  get hasRoom(): boolean {
    return this.#response.writableLength < MOST_WAITING_BYTES;
  }

  /** False where the page has too much to read already, and this is not sent. */
  send(event: string, data: unknown): boolean {
    if (!this.hasRoom || this.#response.writableEnded) return false;
    this.#response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    return true;
  }

  /** Calls `letGo` once, when the page is gone or the server closes. */
  onEnd(letGo: () => void): void {
    this.#response.once('close', letGo);
  }
}
