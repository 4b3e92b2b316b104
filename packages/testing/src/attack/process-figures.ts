import { readdirSync, readFileSync } from 'node:fs';

/** What a process has of the machine at one moment. */
export interface ProcessFigures {
  /** Memory that is really there, in bytes. */
  readonly residentBytes: number;
  /** Open files and sockets. */
  readonly descriptors: number;
  /** What it has computed since it began, in milliseconds. */
  readonly cpuMs: number;
}

const KIB = 1_024;
/** The unit of `utime` and `stime`, which every Linux of today has. */
const MS_PER_TICK = 10;

/** What a process of this machine has; undefined where there is none, or the system is not Linux. */
export function processFigures(pid: number): ProcessFigures | undefined {
  try {
    const [, residentKib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    if (residentKib === undefined) return undefined; // it has ended, and nobody has asked for its exit code yet
    // The name of the program may have spaces and parentheses: what follows the last one is numbered from 3.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return {
      residentBytes: Number(residentKib) * KIB,
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      cpuMs: ticks * MS_PER_TICK,
    };
  } catch {
    return undefined;
  }
}

/** The most of each. */
export function most(one: ProcessFigures, other: ProcessFigures): ProcessFigures {
  return {
    residentBytes: Math.max(one.residentBytes, other.residentBytes),
    descriptors: Math.max(one.descriptors, other.descriptors),
    cpuMs: Math.max(one.cpuMs, other.cpuMs),
  };
}

/**
 * Bytes from `ourPort` that the server at `itsPort` has not read: those that wait here, and those that wait there. Undefined
 * where both ends are not on this machine, or the system is not Linux.
 */
export function unreadBytes(ourPort: number, itsPort: number): number | undefined {
  let ours: number | undefined;
  let theirs: number | undefined;
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of linesOf(table)) {
      // sl: local address:port remote address:port state tx_queue:rx_queue …, in hexadecimal digits
      const [, local, remote, , queues = ''] = line.trim().split(/\s+/);
      const [waitingToGo = '', waitingToBeRead = ''] = queues.split(':');
      if (portOf(local) === ourPort && portOf(remote) === itsPort) ours = Number.parseInt(waitingToGo, 16);
      if (portOf(local) === itsPort && portOf(remote) === ourPort)
        theirs = Number.parseInt(waitingToBeRead, 16);
    }
  }
  return ours === undefined || theirs === undefined ? undefined : ours + theirs;
}

function linesOf(table: string): readonly string[] {
  try {
    return readFileSync(table, 'utf8').split('\n').slice(1);
  } catch {
    return [];
  }
}

function portOf(address: string | undefined): number {
  return Number.parseInt(address?.split(':')[1] ?? '', 16);
}
