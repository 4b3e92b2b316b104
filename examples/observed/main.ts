/**
 * Three processes that talk, one page that shows them all, and metrics for Prometheus. Strangers come by who send nonsense, or find no
 * room, so that there is something to see.
 *
 *   npm run example observed              until Ctrl-C: prints the address of the page, and of the metrics
 *   npm run example observed -- --demo    looks by itself, says what it has seen, and ends
 *
 * docs/observability.md says what to look at when something is wrong; a dashboard for the metrics is packages/observe/grafana.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { look } from './demo.js';
import type { Started } from './messages.js';
import { sendStrangers } from './strangers.js';

const NAMES = ['north', 'east', 'south'];

const { demo } = readOptions();
const stations = await Promise.all(NAMES.map(start));
const known = stations.map(({ started }) => started);
// Each dials those before it: everybody is connected with everybody.
for (const [index, { child }] of stations.entries()) {
  child.send(known.slice(0, index).map(({ peers }) => peers));
}

const page = await showAll(known.map(({ inspector }) => inspector));
const targets = await serveTargets(known);
const strangers = sendStrangers(known.map(({ peers }) => peers));

if (demo) {
  await look(known, page.url).catch(fail);
} else {
  console.log(`page     ${page.url}`);
  for (const { name, http } of known) console.log(`${name.padEnd(8)} ${http}/metrics  ${http}/readyz`);
  console.log(`targets  ${targets.url}  for http_sd_configs of Prometheus`);
  await once(process, 'SIGINT');
}
strangers.end();
targets.close();
page.child.kill();
await Promise.all(stations.map(({ child }) => ended(child)));
console.log('all      drained and closed');

function readOptions(): { demo: boolean } {
  try {
    const { values } = parseArgs({ options: { demo: { type: 'boolean', default: false } } });
    return values;
  } catch (error) {
    console.error(`${(error as Error).message}\nusage: observed [--demo]`);
    process.exit(2);
  }
}

async function start(name: string): Promise<{ child: ChildProcess; started: Started }> {
  const child = fork(fileURLToPath(new URL('station.js', import.meta.url)), [name]);
  const [started] = (await once(child, 'message')) as [Started];
  return { child, started };
}

/** `npx pea2pea-inspect`, as anybody would start it beside their processes. */
async function showAll(addresses: readonly string[]): Promise<{ child: ChildProcess; url: string }> {
  const command = fileURLToPath(import.meta.resolve('@pea2pea/observe/inspector')).replace(
    /inspector\.js$/,
    'inspector/main.js',
  );
  const child = spawn(process.execPath, [command, '-'], { stdio: ['pipe', 'pipe', 'inherit'] });
  // Addresses have tokens in them: arguments can be read by everybody on the machine.
  child.stdin.end(addresses.join('\n'));
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`pea2pea-inspect ended with code ${String(code)}`);
  });
  const [url] = (await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended])) as [
    string,
  ];
  ended.catch(() => {});
  return { child, url };
}

/** Tells a Prometheus where the processes are: https://prometheus.io/docs/prometheus/latest/http_sd/ */
async function serveTargets(found: readonly Started[]): Promise<{ url: string; close(): void }> {
  const server = createServer((_, response) => {
    const targets = found.map(({ http }) => new URL(http).host);
    response.setHeader('content-type', 'application/json').end(JSON.stringify([{ targets }]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}/targets`, close: () => void server.close() };
}

/** Has a station drain. */
async function ended(child: ChildProcess): Promise<void> {
  const end = once(child, 'exit');
  child.disconnect();
  await end;
}

function fail(error: unknown): void {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
