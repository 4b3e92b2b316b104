import { beforeAll, describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import { CAUSES } from './networks/causes.js';
import type { Outcome } from './networks/outcome.js';
import { render, shownOnPage } from './networks/page.js';
import { kindsSimulated, SIMULATED_SEEDS } from './networks/plan.js';
import { playSimulated } from './networks/play.js';
import { savedResults } from './networks/results.js';

const results = savedResults(fileURLToPath(new URL('networks', import.meta.url)));
const page = fileURLToPath(new URL('../docs/real-networks.md', import.meta.url));
const causes = Object.values(CAUSES).flat();

describe('the simulated network', () => {
  const simulated = new Map<string, Outcome>();
  beforeAll(async () => {
    for (const cause of causes) simulated.set(cause.name, await playSimulated(cause));
  });

  for (const { name, differs } of causes) {
    if (differs === undefined) {
      it(`tells what a real one does: ${name}`, () => {
        expect(simulated.get(name)).toEqual(results.outcomes[name]);
      });
    } else {
      it(`is known to tell something else: ${name}`, () => {
        expect(results.outcomes[name]).toBeDefined();
        expect(simulated.get(name)).not.toEqual(results.outcomes[name]);
      });
    }
  }

  it('tells with some seed whatever was seen in plans of faults on a real one', async () => {
    const told = await kindsSimulated(SIMULATED_SEEDS);
    expect(results.kinds.length).toBeGreaterThan(0);
    expect(results.kinds.filter((kind) => !told.has(kind))).toEqual([]);
  });

  it('and the real one are as docs/real-networks.md shows them; after a change: npm run networks -- --write', () => {
    expect(shownOnPage(page)).toBe(render(results, simulated));
  });
});

it('each cause has a name of its own, and no outcome is left of others', () => {
  const names = causes.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(Object.keys(results.outcomes)).toEqual(names);
});
