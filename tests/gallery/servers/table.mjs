// What the attack command is run against, and the table of what it found.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { alterationsFor, attack, framingOf } from '@pea2pea/testing';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const line = { framing: framingOf('lines'), probe: 'hello %n', expect: 'hello %n' };

export const SERVERS = [
  {
    name: 'our chat',
    program: [here('../../../examples/dist/chat.js'), '--listen', '127.0.0.1:0', '--name', 'bob'],
    options: { ...line, relays: true, say: 'good morning' },
  },
  { name: 'our node, lines', program: [here('echo.mjs')], options: line },
  { name: 'net', program: [here('net.mjs')], options: line },
  {
    name: 'ws',
    package: 'ws',
    program: [here('ws.mjs')],
    options: { ...line, framing: framingOf('websocket') },
  },
  {
    name: 'NestJS TCP',
    package: '@nestjs/microservices',
    program: [here('nest.mjs')],
    options: {
      framing: framingOf('decimal:#'),
      probe: '{"pattern":"echo","data":"hello %n","id":"%n"}',
      expect: 'hello %n',
    },
  },
];

/** `ws 8.23.0` */
export function titleOf({ name, package: installed }) {
  if (installed === undefined) return name === 'net' ? `net, Node ${process.versions.node}` : name;
  return `${name} ${JSON.parse(readFileSync(here(`../node_modules/${installed}/package.json`), 'utf8')).version}`;
}

/** Starts a server, and resolves with its address and how to end it. */
async function start({ name, program }) {
  const child = spawn(process.execPath, program, { stdio: ['pipe', 'pipe', 'ignore'] });
  const address = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (printed) => {
      const [found] = /127\.0\.0\.1:\d+/.exec(printed) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
  });
  return { address, pid: child.pid, stop: () => child.kill('SIGKILL') };
}

/** Every outcome; where a server is gone or does not recover, the next peer meets another one. */
export async function attackServer(server, { only = alterationsFor(server.options.framing), lastingMs }) {
  const outcomes = [];
  while (outcomes.length < only.length) {
    const { address, pid, stop } = await start(server);
    const rest = only.slice(outcomes.length);
    const localAddress = process.platform === 'linux' ? '127.0.0.2' : undefined;
    const options = { ...server.options, pid, lastingMs, ...(localAddress && { localAddress }), only: rest };
    try {
      const report = await attack(address, { ...options, isOver: needsAnother });
      if (report.before.served === 0) throw new Error(`${server.name} serves nobody to begin with`);
      outcomes.push(...report.outcomes);
    } finally {
      stop();
    }
  }
  return outcomes;
}

function needsAnother({ verdict }) {
  return verdict === 'is gone' || verdict === 'did not recover';
}

/** A table of Markdown: what each server did with the connection, and how many of each verdict. */
export function tableOf(results) {
  const names = [...new Set(results.flatMap(({ outcomes }) => outcomes.map(({ name }) => name)))];
  const row = (cells) => `| ${cells.join(' | ')} |`;
  const cellOf = ({ outcomes }, name) => {
    const outcome = outcomes.find((each) => each.name === name);
    return outcome === undefined ? '' : cell(outcome);
  };
  const sum = (title, of) => row([title, ...results.map(({ outcomes }) => of(outcomes))]);
  const most = (numbers) => Math.round(Math.max(...numbers));
  return [
    row(['peer', ...results.map(({ title }) => title)]),
    row(['---', ...results.map(() => '---')]),
    ...names.map((name) => row([`\`${name}\``, ...results.map((result) => cellOf(result, name))])),
    ...['held', 'grew', 'slowed honest clients', 'shut honest clients out', 'did not recover', 'is gone'].map(
      (each) => sum(each, (all) => all.filter(({ verdict }) => verdict === each).length),
    ),
    sum('peers', (all) => all.length),
    sum('slowest honest reply', (all) => `${most(all.map(({ resident }) => resident.worstMs))} ms`),
    sum(
      'most memory taken',
      (all) =>
        `${most(all.map(({ process: { before, peak } }) => (peak.residentBytes - before.residentBytes) / 1024 ** 2))} MiB`,
    ),
    sum('still connected at the end', (all) => all.filter(({ server }) => server.ending === 'open').length),
  ].join('\n');
}

function cell({ server: { ending, afterMs } }) {
  const how = { closed: 'FIN', reset: 'RST', refused: 'refused', left: 'left', open: 'open' }[ending];
  const when =
    ending === 'closed' || ending === 'reset'
      ? ` ${afterMs < 10 ? afterMs.toFixed(1) : Math.round(afterMs)} ms`
      : '';
  return how + when;
}
