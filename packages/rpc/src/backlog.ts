import type { IncomingRequest } from './incoming-request.js';
import { sizeOf } from './size-of.js';

/** The requests of a peer that wait for a slot, in the order of their arrival. */
export class Backlog {
  /** With about how many bytes each takes. */
  readonly #requests = new Map<IncomingRequest, number>();
  #bytes = 0;

  get length(): number {
    return this.#requests.size;
  }

  /** About how many bytes all of them take. */
  get bytes(): number {
    return this.#bytes;
  }

  add(request: IncomingRequest): void {
    const size = sizeOf(request.params) + 2 * request.method.length;
    this.#requests.set(request, size);
    this.#bytes += size;
  }

  /** False where it is not there. */
  delete(request: IncomingRequest): boolean {
    this.#bytes -= this.#requests.get(request) ?? 0;
    return this.#requests.delete(request);
  }

  /** Takes the oldest. */
  shift(): IncomingRequest | undefined {
    for (const request of this.#requests.keys()) {
      this.delete(request);
      return request;
    }
    return undefined;
  }

  /** Forgets all; returns how many had an id. */
  clear(): number {
    let withId = 0;
    for (const { id } of this.#requests.keys()) if (id !== undefined) withId++;
    this.#requests.clear();
    this.#bytes = 0;
    return withId;
  }
}
