import type { Link } from '@pea2pea/core';
import { readdirSync, readlinkSync } from 'node:fs';
import { Server, Socket } from 'node:net';

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

const owners = new WeakMap<object, string>();

/** Remembers whose a link is, and with whom, for {@link whatIsLeft}: a socket that is gone does not know any more. */
export function remember(owner: string, { stream, address }: Link): void {
  owners.set(stream, `a link of ${owner} with ${address}`);
}

/** Sockets and listeners in the event loop, each with its owner and state. */
export function whatIsLeft(): readonly string[] {
  // Not documented, but the only list of them that there is.
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles(): readonly unknown[] };
  const streams: readonly unknown[] = [process.stdin, process.stdout, process.stderr];
  return handles
    .call(process)
    .filter((handle) => !streams.includes(handle))
    .flatMap((handle) => {
      if (handle instanceof Socket)
        return [`${owners.get(handle) ?? 'a socket of nobody'}: ${stateOf(handle)}`];
      return handle instanceof Server ? [`a listener at ${JSON.stringify(handle.address())}`] : [];
    });
}

const STATES = ['connecting', 'destroyed', 'readableEnded', 'writableEnded', 'writableFinished'] as const;

function stateOf(socket: Socket): string {
  const states = STATES.filter((state) => socket[state]);
  const { bytesRead, bytesWritten, writableLength } = socket;
  const paused = socket.isPaused() ? ', paused' : '';
  return `${states.join(', ')}${paused}, read ${bytesRead}, wrote ${bytesWritten}, ${writableLength} wait`;
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
