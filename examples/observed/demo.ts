import { setTimeout as sleep } from 'node:timers/promises';
import type { Started } from './messages.js';

const PATIENCE_MS = 20_000;

/** Looks at the stations as Prometheus and an orchestrator do, and says what is seen. */
export async function look(stations: readonly Started[], page: string): Promise<void> {
  for (const { name, http } of stations) {
    const metrics = await metricsOf(
      http,
      (seen) => seen.messages > 20 && seen.refused > 0 && seen.ended > 0 && seen.handled > 0,
    );
    const ready = await fetch(`${http}/readyz`);
    console.log(`${name.padEnd(8)} ready ${ready.status}; ${metrics.dialled} dialled by it`);
    console.log(
      `${' '.repeat(8)} messages, refusals by maxConnections, ends and times of handlers are counted`,
    );
  }
  const { status } = await fetch(page);
  console.log(`page     ${status}, of ${stations.length} processes`);
}

interface Seen {
  readonly messages: number;
  readonly refused: number;
  readonly ended: number;
  readonly handled: number;
  readonly dialled: number;
}

/** What a station counts, as soon as it `isEnough`. */
async function metricsOf(http: string, isEnough: (seen: Seen) => boolean): Promise<Seen> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  for (;;) {
    const text = await (await fetch(`${http}/metrics`)).text();
    const seen = {
      messages: sumOf(text, 'pea2pea_messages_total', 'direction="inbound"'),
      refused: sumOf(text, 'pea2pea_connections_refused_total', 'P2P_ERR_TOO_MANY_CONNECTIONS'),
      ended: sumOf(text, 'pea2pea_connections_ended_total'),
      handled: sumOf(text, 'pea2pea_handler_duration_seconds_count'),
      dialled: sumOf(text, 'pea2pea_connections_by_direction', 'direction="outbound"'),
    };
    if (isEnough(seen)) return seen;
    if (performance.now() > giveUpAt)
      throw new Error(`${http} does not show what was expected: ${JSON.stringify(seen)}`);
    await sleep(100);
  }
}

/** The sum of a metric over its labels; of those series alone that contain `part`. */
function sumOf(text: string, metric: string, part = ''): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`) && line.includes(part))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
