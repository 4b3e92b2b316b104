import { readdirSync, readlinkSync } from 'node:fs';

/** What the process holds that a run could leave behind. */
export interface Held {
  /** Handles of sockets and listeners in the event loop. */
  readonly handles: number;
  /** Open descriptors that are sockets; 0 where the system does not list them. */
  readonly descriptors: number;
}

const HANDLES: ReadonlySet<string> = new Set(['TCPSocketWrap', 'TCPServerWrap', 'TCPConnectWrap']);

export function held(): Held {
  const handles = process.getActiveResourcesInfo().filter((name) => HANDLES.has(name)).length;
  return { handles, descriptors: socketDescriptors() };
}

/** Bytes of the heap after a collection; undefined without `--expose-gc`. */
export function collectedHeap(): number | undefined {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) return undefined;
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}

function socketDescriptors(): number {
  let names: readonly string[];
  try {
    names = readdirSync('/proc/self/fd');
  } catch {
    return 0;
  }
  return names.filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith('socket:');
    } catch {
      return false; // the one that the listing itself used
    }
  }).length;
}
