import { ADDRESSES, type Fact, type HostName, type Stage } from './stage.js';

/** Has `b` listen and `a` dial, at both layers. */
export async function connected(stage: Stage): Promise<void> {
  await stage.tell('b', { do: 'listen' });
  await stage.tell('a', { do: 'dial', host: ADDRESSES.b });
  await stage.until('b has accepted', () => count(stage, 'b', 'accepted') === 2);
}

/** How often a host saw something. */
export function count({ facts }: Stage, host: HostName, what: string): number {
  return facts.filter((fact: Fact) => fact.host === host && fact.what === what).length;
}
