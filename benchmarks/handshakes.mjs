// Handshakes that a node replies to in 6 s, in Noise and in TLS, with and without a flood of them from one other address.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { selfSigned } from '@pea2pea/testing/certificates';
import { result } from './harness/results.mjs';

const ROUND_MS = 6_000;
const UNLIMITED = 1_000_000;
const DEFAULT = 50;
const SETTINGS = [
  { name: 'no flood', perSecond: DEFAULT, isFlooded: false },
  { name: 'flood', perSecond: DEFAULT, isFlooded: true },
  { name: 'flood, no limit', perSecond: UNLIMITED, isFlooded: true },
];

export const seconds = 120;

export async function run({ seconds, emit }) {
  const folder = mkdtempSync(join(tmpdir(), 'handshakes-'));
  try {
    const files = await filesIn(folder);
    const rounds = Math.max(1, Math.floor((seconds * 1_000) / (ROUND_MS * 2 * SETTINGS.length)));
    for (const channel of ['noise', 'tls']) {
      const found = new Map(SETTINGS.map(({ name }) => [name, { others: [], flooder: [], cpu: [] }]));
      for (let round = 0; round < rounds; round++) {
        for (const setting of SETTINGS) {
          const { others, flooder, cpu } = await measure(channel, setting, files);
          found.get(setting.name).others.push(others);
          found.get(setting.name).flooder.push(flooder);
          found.get(setting.name).cpu.push(cpu);
        }
      }
      for (const [metric, key, unit] of [
        ['replies to others in 6 s', 'others', ''],
        ['replies to the flood in 6 s', 'flooder', ''],
        ['processor time of the node', 'cpu', 'ms'],
      ]) {
        const results = [...found].map(([name, figures]) =>
          result({
            suite: 'handshakes',
            contestant: `${channel}, ${name}`,
            metric,
            unit,
            rounds: figures[key],
          }),
        );
        emit(results, { title: metric });
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measure(channel, { perSecond, isFlooded }, { key, cert, hello }) {
  const node = program('handshakes.mjs', channel, perSecond, key, cert);
  try {
    const port = await node.line();
    // Others come one after the other, four at a time, each from an address of its own. The flood has a pause after each
    // attempt, or it would take the processor from all of them on this one machine: 2 500 attempts a second at most.
    const others = program('first-messages.mjs', channel, port, '127.0.x.y', 4, 0, ROUND_MS, hello);
    const flooder = isFlooded
      ? program('first-messages.mjs', channel, port, '127.0.0.3', 50, 20, ROUND_MS, hello)
      : undefined;
    const figures = { others: Number(await others.line()), flooder: Number((await flooder?.line()) ?? 0) };
    node.say('usage');
    return { ...figures, cpu: Number(await node.line()) };
  } finally {
    node.end();
  }
}

function program(file, ...args) {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'contestants', file), ...args.map(String)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    line: async () => (await lines.next()).value,
    say: (text) => child.stdin.write(`${text}\n`),
    end: () => child.stdin.end(),
  };
}

/** A certificate, and the first message of a TLS client, which anyone can send again. */
async function filesIn(folder) {
  const pair = await selfSigned();
  const files = {
    key: join(folder, 'key.pem'),
    cert: join(folder, 'cert.pem'),
    hello: join(folder, 'hello'),
  };
  writeFileSync(files.key, pair.key);
  writeFileSync(files.cert, pair.cert);
  const server = createServer((socket) => {
    socket
      .on('error', () => {})
      .once('data', (chunk) => {
        writeFileSync(files.hello, chunk);
        socket.destroy();
        server.close();
      });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  connect({ port: server.address().port, host: '127.0.0.1', minVersion: 'TLSv1.3' }).on('error', () => {});
  await once(server, 'close');
  return files;
}
