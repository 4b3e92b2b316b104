/**
 * Keeps plain data across restarts: the address book, the nodes of a routing table.
 *
 * note: `save` is never called again before its promise has settled.
 */
export interface Store {
  /** What was saved last; undefined where nothing was, or where it cannot be read any more: then one begins anew. */
  load(): Promise<unknown>;
  /** Replaces what was saved: after a crash in the middle `load` returns what was saved before. */
  save(data: unknown): Promise<void>;
}

/** Keeps data in memory, as JSON; for tests, and for restarts within a process. */
export function memoryStore(): Store {
  let saved: string | undefined;
  return {
    load: () => Promise.resolve(saved === undefined ? undefined : (JSON.parse(saved) as unknown)),
    save(data) {
      saved = JSON.stringify(data);
      return Promise.resolve();
    },
  };
}
