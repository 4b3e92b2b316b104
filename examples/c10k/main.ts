/**
 * Ten thousand connections to one node, all of them live, each answered once. The clients are a process of their own.
 *
 *   npm run example c10k
 *   npm run example c10k -- --connections 1000
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Connection } from '@pea2pea/core';
import { lines } from '@pea2pea/codecs';
import { createPeer, OnConnect, OnMessage, Peer } from '@pea2pea/decorators';
import type { Report } from './clients.js';
import { Progress } from './progress.js';

/** From one address to one port there are about 28 000 connections: as many ports does a system hand out. */
const MOST = 28_000;
/** Open files that are no connections: standard streams, the listener, what Node itself has. */
const OTHER_FILES = 50;

const line = lines({ maxLength: 64 });

// The backlog is for the crowd at the door: what finds it full tries again after a second.
@Peer({ codec: line, listen: { host: '127.0.0.1', port: 0 }, listenBacklog: 1024 })
class Greeter {
  /** Of what goes on now. */
  progress: Progress | undefined;

  @OnConnect()
  onConnect(): void {
    this.progress?.step();
  }

  @OnMessage(line)
  onName(name: string, connection: Connection<string>): void {
    if (connection.trySend(`hello, ${name}`)) this.progress?.step();
  }
}

const count = affordable(readConnections());

// The limits are for strangers; here everybody comes from one address.
const limits = {
  maxConnections: count,
  maxInbound: count,
  maxConnectionsPerIp: count,
  closeTimeoutMs: 30_000,
};
const greeter = await createPeer(Greeter, { config: limits });
const residentBefore = process.memoryUsage.rss();
const clients = fork(fileURLToPath(new URL('clients.js', import.meta.url)), [
  String(greeter.address!.port),
  String(count),
]);

try {
  const connecting = await phase('connecting', () => reportOf(clients));
  say('connected', `${count} live, ${seconds(connecting.ms)}, ${rate(count, connecting.ms)}`);
  const resident = process.memoryUsage.rss();
  const each = (resident - residentBefore) / count;
  say('memory', `${megabytes(resident)} resident, ${(each / 1e3).toFixed(1)} kB a connection`);

  const answering = await phase('answering', () => {
    clients.send('ask');
    return reportOf(clients);
  });
  const { p50Ms, p99Ms } = answering.report as Extract<Report, { p50Ms: number }>;
  say('answered', `${count} of ${count}, ${seconds(answering.ms)}, ${rate(count, answering.ms)}`);
  say('latency', `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`);

  const { elapsedMs, cut } = await greeter.close();
  say('closed', `${seconds(elapsedMs)}, had to be cut: ${cut.length}`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  await greeter.close();
  clients.kill();
}

/** Shows how far the node is while the clients do what `begin` starts; both have to be done. */
async function phase(what: string, begin: () => Promise<Report>): Promise<{ ms: number; report: Report }> {
  const progress = new Progress(what, count);
  greeter.peer.progress = progress;
  const startedMs = performance.now();
  const report = await begin();
  await progress.complete;
  return { ms: performance.now() - startedMs, report };
}

/** What the clients say next; rejects where they end instead. */
async function reportOf(child: ChildProcess): Promise<Report> {
  const over = new AbortController();
  const { signal } = over;
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`the clients ended early, with code ${code}`);
  });
  const reported = once(child, 'message', { signal }).then(([report]) => report as Report);
  try {
    return await Promise.race([reported, ended]);
  } finally {
    over.abort();
    await Promise.allSettled([reported, ended]);
  }
}

function readConnections(): number {
  try {
    const { values } = parseArgs({ options: { connections: { type: 'string', default: '10000' } } });
    const connections = Number(values.connections);
    if (Number.isInteger(connections) && connections >= 1 && connections <= MOST) return connections;
    throw new Error(`--connections must be a whole number from 1 to ${MOST}, not ${values.connections}`);
  } catch (error) {
    console.error(`${(error as Error).message}\nusage: c10k [--connections <number>]`);
    process.exit(2);
  }
}

/** As many of `wanted` as this process may have files open. Node has raised the limit as far as it is allowed to. */
function affordable(wanted: number): number {
  const { userLimits } = process.report.getReport() as {
    userLimits?: { open_files: { soft: number | 'unlimited' } };
  };
  const limit = Number(userLimits?.open_files.soft);
  if (!(wanted + OTHER_FILES > limit)) return wanted; // also where there is no limit
  const possible = Math.max(1, limit - OTHER_FILES);
  say('limit', `${wanted} need ${wanted + OTHER_FILES} open files, ${limit} are allowed (ulimit -Hn)`);
  return possible;
}

function say(what: string, text: string): void {
  console.log(`${what.padEnd(10)}${text}`);
}

function seconds(ms: number): string {
  return `${(ms / 1e3).toFixed(2)} s`;
}

function rate(operations: number, ms: number): string {
  return `${Math.round(operations / (ms / 1e3))} a second`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
