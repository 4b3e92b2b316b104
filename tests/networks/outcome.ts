import type { LayerName } from './layer.js';
import type { Fact, HostName, Stage } from './stage.js';

/** What both hosts saw of a cause, in words; the same words are the same outcome. */
export type Outcome = Readonly<Record<LayerName, string>>;

/** Durations of a cause that have a name. */
export type Times = Readonly<Record<string, number>>;

/** What takes no longer is at once: a machine may be busy. */
const AT_ONCE_MS = 800;

/** Sums up the facts since the cause began. */
export function outcomeOf({ facts, began, said }: Stage, times: Times): Outcome {
  const since = facts.slice(began.facts);
  const of = (layer: LayerName): string => {
    const seen = (host: HostName, all: number): string =>
      lastHeardOnly(since.filter((fact) => fact.layer === layer && fact.host === host))
        .map(({ what, atMs }) => `${heardOf(what, all)}${when(atMs - began.atMs, times)}`)
        .join(', ') || 'nothing';
    return `a: ${seen('a', said.b)}; b: ${seen('b', said.a)}`;
  };
  return { node: of('node'), socket: of('socket') };
}

/** Bytes come in any number of pieces: only the sum counts, and whether it is all. */
function lastHeardOnly(facts: readonly Fact[]): readonly Fact[] {
  const last = facts.findLast(({ what }) => what.startsWith('heard'));
  return facts.filter((fact) => !fact.what.startsWith('heard') || fact === last);
}

function heardOf(what: string, all: number): string {
  if (!what.startsWith('heard')) return what;
  return what === `heard ${all}` ? 'heard all' : 'heard a part';
}

/** The name whose time is nearest, if it is near. */
function when(ms: number, times: Times): string {
  if (ms <= AT_ONCE_MS) return '';
  const distance = (named: number): number => Math.abs(ms - named);
  const [near] = Object.entries(times).sort(([, a], [, b]) => distance(a) - distance(b));
  const isNear = near !== undefined && distance(near[1]) < 0.3 * near[1] + AT_ONCE_MS;
  return isNear ? ` ${near[0]}` : ` after ${Math.round(ms / 1_000)} s`;
}
