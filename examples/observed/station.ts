/**
 * One of the processes of main.ts: a weather station that tells the others what it measures, asks them what they have heard, and can
 * be looked at.
 *
 * What the process that started it sends: the addresses of the stations to dial.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyConnection } from '@pea2pea/core';
import { createPeer, OnMessage, Peer } from '@pea2pea/decorators';
import { inspector } from '@pea2pea/observe/inspector';
import { Requests, requests } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { average, codec, Reading, type Started } from './messages.js';
import { serveObservations } from './observations.js';

/** Readings a second. */
const READINGS = 5;
const MOST_READINGS = 1_000;

@Peer({
  codec,
  listen: { host: '127.0.0.1', port: 0 },
  plugins: [requests({ timeoutMs: 2_000 }), inspector({ actions: true, frames: 'messages' })],
})
class Station {
  readonly #heard: number[] = [];

  @OnMessage()
  onReading(message: unknown): void {
    const { celsius } = Reading.parse(message);
    this.#heard.push(celsius);
    if (this.#heard.length > MOST_READINGS) this.#heard.shift();
  }

  @OnRequest(average)
  async average({ seconds }: { readonly seconds: number }): Promise<number> {
    await sleep(5 + Math.random() * 20); // as if it asked a database
    const last = this.#heard.slice(-seconds * READINGS);
    return last.reduce((sum, celsius) => sum + celsius, 0) / Math.max(1, last.length);
  }
}

const [name = 'station'] = process.argv.slice(2);
// Few connections are allowed, so that the strangers of main.ts meet a limit.
const station = await createPeer(Station, { config: { name, maxConnections: 3 } });
const { node } = station;
const observations = await serveObservations(station);
const calls = station.get(Requests);

const started: Started = {
  name,
  peers: String(station.address),
  inspector: node.plugin(inspector).url!,
  http: observations.url,
};
process.send!(started);
const [others] = (await once(process, 'message')) as [readonly string[]];
for (const other of others) await node.connect(other);

station.drainOn('SIGTERM');
process.once('SIGINT', () => {}); // Ctrl-C reaches all: who started it ends it
process.once('disconnect', () => void station.drain());

const end = station.closed.then(() => 'closed');
while (node.state === 'open') {
  await Promise.race([sleep(1_000 / READINGS), end]);
  node.broadcast({ station: name, celsius: 15 + Math.random() * 10 });
  for (const connection of node.connections) void ask(connection);
}
await station.closed;
observations.close();

async function ask(connection: AnyConnection): Promise<void> {
  // A call that fails is counted, and its failure is in the metrics.
  await calls.call(connection, average, { seconds: 10 }).catch(() => undefined);
}
