/**
 * The disk of a host, as small as a simulation needs it: values by name. What was written is safe after `sync`; what was not is
 * lost when the host loses its power.
 */
export class SimDisk {
  #safe = new Map<string, Uint8Array>();
  #current = new Map<string, Uint8Array>();

  /** The names of what is there, in the order in which they were first written. */
  get names(): readonly string[] {
    return [...this.#current.keys()];
  }

  /** What was written last; undefined where nothing was. */
  read(name: string): Uint8Array | undefined {
    return this.#current.get(name)?.slice();
  }

  /** Replaces what is there. A string is written as UTF-8. */
  write(name: string, value: Uint8Array | string): void {
    this.#current.set(name, typeof value === 'string' ? Buffer.from(value) : value.slice());
  }

  /** Harmless where there is nothing. */
  remove(name: string): void {
    this.#current.delete(name);
  }

  /** What is there now outlives a loss of power. */
  sync(): void {
    this.#safe = new Map(this.#current);
  }

  /** Loses what was not synced. @internal */
  losePower(): void {
    this.#current = new Map(this.#safe);
  }

  /** Makes it empty, as another disk is. @internal */
  wipe(): void {
    this.#safe = new Map();
    this.#current = new Map();
  }
}
