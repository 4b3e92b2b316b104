import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, it } from '@jest/globals';
import { ControlledClock } from '@pea2pea/core/testing';
import { lab, listen, rawConnect, until } from '@pea2pea/testing';
import { letArrive } from './support/let-arrive.js';

const { makeNode } = lab();

/** Peers in a thread of their own, which goes on while this one computes; they send a line `everyMs`. */
const PEERS = `
  const { connect } = require('node:net');
  const { workerData: { port, count, everyMs, shared } } = require('node:worker_threads');
  const seen = new Int32Array(shared);
  let lastMs = performance.now();
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1').on('error', () => {}));
  setInterval(() => {
    const nowMs = performance.now();
    seen[1] = Math.max(seen[1], nowMs - lastMs);
    lastMs = nowMs;
    Atomics.add(seen, 0, 1);
    for (const socket of sockets) socket.write('still here\\n');
  }, everyMs);`;

/** A peer in a thread of its own that reads nothing until it is told to, and counts what it reads. */
const LATE_READER = `
  const { parentPort, workerData: { shared } } = require('node:worker_threads');
  const seen = new Int32Array(shared);
  const server = require('node:net').createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => {}).on('data', (data) => Atomics.add(seen, 0, data.length));
    socket.pause();
    parentPort.on('message', () => socket.resume());
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`;

const workers: Worker[] = [];

afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
});

function start(script: string, workerData: object): Worker {
  const worker = new Worker(script, { eval: true, workerData });
  workers.push(worker);
  return worker;
}

/** Numbers that a thread writes while this one stands still. */
function numbers(): { shared: SharedArrayBuffer; at: (index: number) => number } {
  const shared = new SharedArrayBuffer(8);
  const view = new Int32Array(shared);
  return { shared, at: (index) => Atomics.load(view, index) };
}

/** Keeps the event loop from turning until `condition` holds. */
function computeUntil(condition: () => boolean): void {
  const endMs = performance.now() + 60_000;
  while (!condition()) if (performance.now() > endMs) throw new Error('computed for 60 s in vain');
}

it('a handler that computes for longer than the idle timeout ends no peer that went on sending', async () => {
  const [count, everyMs, idleTimeoutMs] = [5, 300, 1_000];
  // Peers whose thread the system let wait for long were silent indeed: then it says nothing, and is tried again.
  for (let attempt = 0; attempt < 5; attempt++) {
    const seen = numbers();
    let heardAtMs = Infinity;
    const a = makeNode(
      { idleTimeoutMs },
      {
        onMessage(message) {
          heardAtMs = performance.now();
          if (message !== 'compute') return;
          const [endMs, before] = [heardAtMs + 2_500, seen.at(0)];
          computeUntil(() => performance.now() >= endMs && seen.at(0) >= before + 5);
        },
      },
    );
    const address = await listen(a);
    const worker = start(PEERS, { port: address.port, count, everyMs, shared: seen.shared });
    const areThere = (): boolean => a.node.connections.size === count || a.closed.length > 0;
    await until('all are there', areThere, 60_000);
    const socket = await rawConnect(address); // says nothing until it is told to compute: not while a thread starts
    // Long enough after their last lines for a sweep to have seen nothing new.
    await until('a pause', () => performance.now() - heardAtMs > 200 || a.closed.length > 0, 60_000);
    const before = a.node.stats.messagesReceived;
    socket.write('compute\n');
    await until(
      'all that came meanwhile was handled, or peers are gone',
      () => a.closed.length > 0 || a.node.stats.messagesReceived > before + 5 * count,
      60_000,
    );
    const ended = a.closed.map(({ reason }) => reason);
    await worker.terminate();
    socket.destroy();
    if (seen.at(1) > idleTimeoutMs / 2) continue;
    expect(ended).toEqual([]);
    expect(a.node.heuristics.idleTimeouts).toBe(0);
    return;
  }
}, 240_000);

it('a peer that took bytes while nobody polled is not ended for taking none', async () => {
  const clock = new ControlledClock();
  const seen = numbers();
  const worker = start(LATE_READER, { shared: seen.shared });
  const [port] = (await once(worker, 'message')) as [number];
  const a = makeNode({
    clock,
    writeTimeoutMs: 1_000,
    idleTimeoutMs: 0,
    outboundQueueBytes: 64 * 1024 * 1024,
  });
  const connection = await a.node.connect(`127.0.0.1:${port}`);
  for (let index = 0; index < 16; index++) connection.trySend('x'.repeat(1_000_000));
  let before = -1;
  await until('the system takes no more', () => {
    if (connection.bufferedBytes === before) return true;
    before = connection.bufferedBytes;
    return false;
  });
  clock.advance(500);
  worker.postMessage('read');
  computeUntil(() => seen.at(0) > 100_000);
  letArrive(); // that there is room again
  clock.advance(1_000);
  await until('all was sent', () => connection.bufferedBytes === 0, 60_000);
  expect(a.closed).toEqual([]);
  expect(a.node.heuristics.writeTimeouts).toBe(0);
}, 120_000);
