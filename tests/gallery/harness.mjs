// What the tests of the gallery share: an example as a process, and the clients that it is run against.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';

const examples = fileURLToPath(new URL('../../examples/dist/protocols', import.meta.url));
const PATIENCE_MS = 20_000;

/** `resp against ioredis 6.0.0`: the name of a suite. */
export function against(protocol, ...packages) {
  const versions = packages.map((name) => `${name} ${versionOf(name)}`);
  return `${protocol} against ${versions.join(', ')}`;
}

function versionOf(name) {
  const manifest = new URL(`node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(manifest, 'utf8')).version;
}

/** Starts an example before the tests of a suite, and kills it after them. What {@link start} resolves with. */
export function example(name, ...args) {
  const server = {};
  before(async () => Object.assign(server, await start(name, ...args)));
  after(() => server.child?.kill('SIGKILL'));
  return server;
}

/** Starts an example at a port that the system picks, and resolves when it listens. Kill it, or the tests do not end. */
export async function start(name, ...args) {
  const program = [`${examples}/${name}.js`, `${examples}/${name}/main.js`].find((path) => existsSync(path));
  const child = spawn(execPath, [program, '0', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  const output = [];
  const errors = [];
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)));
  createInterface({ input: child.stderr }).on('line', (line) => errors.push(line));
  const listening = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      output.push(line);
      const [, port] = /127\.0\.0\.1:(\d+)/.exec(line) ?? [];
      if (port !== undefined) resolve(Number(port));
    });
    void ended.then((code) => reject(new Error(`${name} ended with ${code}\n${errors.join('\n')}`)));
  });
  const port = await within(`${name} to listen`, listening);
  return {
    host: '127.0.0.1',
    port,
    child,
    /** What it printed, line by line. */
    output,
    errors,
    /** Ends it as a user would, and resolves with its exit code. */
    stop() {
      child.kill('SIGTERM');
      return within(`${name} to end`, ended);
    },
  };
}

/** Bounds the wait for `promise`. */
export async function within(what, promise, timeoutMs = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms for ${what}`)), timeoutMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export async function until(what, condition) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${PATIENCE_MS} ms until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Sends `bytes` and resolves with all that came back until the other side ended. */
export function exchange({ host, port }, bytes) {
  const received = new Promise((resolve, reject) => {
    const chunks = [];
    const socket = connect(port, host, () => socket.write(bytes));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', () => resolve(Buffer.concat(chunks)));
    socket.on('error', reject);
  });
  return within('the end of the connection', received);
}

/** A port that nobody had a moment ago, for programs that want to be told one. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
