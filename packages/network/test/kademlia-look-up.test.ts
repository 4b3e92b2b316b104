import { describe, expect, it } from '@jest/globals';
import { ControlledClock } from '@pea2pea/core/testing';
import { PeerAddress } from '@pea2pea/network';
import { contactOf, type Contact } from '../src/kademlia/contact.js';
import { compareDistance, nodeIdOf } from '../src/kademlia/id.js';
import { LookUp, type LookUpRules, type Reply } from '../src/kademlia/look-up.js';

const TARGET = nodeIdOf('the target');
const all: Contact[] = Array.from({ length: 300 }, (_, index) => {
  const place = new PeerAddress(`${20 + (index >> 8)}.${index & 255}.0.1:4000`, `peer-${index}`);
  return contactOf(place)!;
}).sort((a, b) => compareDistance(TARGET, a.id, b.id));
const rankOf = new Map(all.map(({ identity }, rank) => [identity, rank]));
const names = (contacts: readonly Contact[]) => contacts.map(({ identity }) => identity);

/** A contact knows eight that are about half as far as itself. */
function honest(contact: Contact): Reply<string> {
  const rank = rankOf.get(contact.identity)!;
  return { contacts: all.slice(Math.floor(rank / 2), Math.floor(rank / 2) + 8) };
}

/** Time passes, and what was waiting for it goes on. */
async function pass(clock: ControlledClock, ms: number): Promise<void> {
  clock.advance(ms);
  await new Promise((resolve) => setImmediate(resolve));
}

function lookUp(changes: Partial<LookUpRules<string>> = {}) {
  const clock = new ControlledClock();
  const asked: Contact[] = [];
  const { query = (contact) => Promise.resolve(honest(contact)) } = changes;
  const one = new LookUp<string>({
    target: TARGET,
    ...{ k: 8, alpha: 3, paths: 3, perGroup: 100, maxQueries: 120, slowMs: 1_000, timeoutMs: 60_000, clock },
    ...changes,
    query(contact) {
      asked.push(contact);
      return query(contact);
    },
  });
  return { clock, asked, run: () => one.run(all.slice(200, 220)) };
}

describe('a look-up', () => {
  it('finds the contacts that are closest to its target', async () => {
    const { run, asked } = lookUp();
    const result = await run();
    expect(names(result.closest)).toEqual(names(all.slice(0, 8)));
    expect(result).toMatchObject({ isComplete: true, failures: 0, queries: asked.length });
    expect(result.hops).toBeGreaterThan(3);
    expect(new Set(names(asked)).size).toBe(asked.length);
    expect(asked.length).toBeLessThan(60);
  });

  it('finds those that are there, where every other one is gone', async () => {
    const { run } = lookUp({
      query: (contact) =>
        rankOf.get(contact.identity)! % 2 === 0
          ? Promise.reject(new Error('gone'))
          : Promise.resolve(honest(contact)),
    });
    const { closest, failures } = await run();
    expect(names(closest)).toEqual(names(all.filter((_, rank) => rank < 16 && rank % 2 === 1)));
    expect(failures).toBeGreaterThan(0);
  });

  it('has no more queries under way at once than alpha, but for those that are slow', async () => {
    const open: ((reply: Reply<string>) => void)[] = [];
    const { clock, run, asked } = lookUp({ query: () => new Promise((resolve) => open.push(resolve)) });
    const result = run();
    expect(asked.length).toBe(3);
    await pass(clock, 1_000);
    expect(asked.length).toBe(6);
    for (const reply of open.splice(0)) reply({ contacts: [] });
    await pass(clock, 0);
    expect(asked.length).toBe(9);
    await pass(clock, 60_000);
    expect(await result).toMatchObject({ isComplete: false });
  });

  it('ends with what it has when its time is over', async () => {
    const { clock, run } = lookUp({
      query: (contact) =>
        rankOf.get(contact.identity)! < 4 ? new Promise(() => undefined) : Promise.resolve(honest(contact)),
    });
    const result = run();
    for (let second = 0; second < 60; second++) await pass(clock, 1_000);
    const { closest, isComplete } = await result;
    // Those that are asked count among the closest until the end.
    expect([names(closest.slice(0, 4)), isComplete]).toEqual([names(all.slice(4, 8)), false]);
    expect(clock.pending).toBe(0);
  });

  it('ends as soon as enough was found', async () => {
    const { run, asked } = lookUp({
      query: (contact) =>
        Promise.resolve({ ...honest(contact), found: rankOf.get(contact.identity)! < 60 ? 'it' : undefined }),
      isEnough: (found) => found.length > 0,
    });
    const { found } = await run();
    expect(found[0]?.value).toBe('it');
    expect(asked.length).toBeLessThan(15);
  });

  it('ends at once where it knows nobody', async () => {
    const { clock } = lookUp();
    const one = new LookUp<string>({
      target: TARGET,
      ...{ k: 8, alpha: 3, paths: 3, perGroup: 4, maxQueries: 9, slowMs: 1, timeoutMs: 10, clock },
      query: () => Promise.reject(new Error('nobody')),
    });
    expect(await one.run([])).toMatchObject({ closest: [], hops: 0, queries: 0, isComplete: true });
    expect(clock.pending).toBe(0);
  });
});

describe('hostile contacts', () => {
  let serial = 0;
  /** A made-up contact with an id close to the target. */
  const sybil = (host: string): Contact => {
    const id = Buffer.from(TARGET);
    id.writeUInt32BE(++serial, 28);
    const peer = new PeerAddress(`${host}:4000`, `sybil-${serial}`);
    return { ...contactOf(peer)!, id };
  };
  const isSybil = ({ identity }: Contact): boolean => identity.startsWith('sybil');

  it('that name others which do not exist use up their own path, and mislead no other', async () => {
    let isFirst = true;
    const liar = all[200]!.identity;
    const { run, asked } = lookUp({
      query(contact) {
        if (isSybil(contact)) return Promise.reject(new Error('nobody is there'));
        if (contact.identity !== liar && !isFirst) return Promise.resolve(honest(contact));
        isFirst = false;
        return Promise.resolve({
          contacts: Array.from({ length: 8 }, () => sybil(`90.${serial % 250}.0.1`)),
        });
      },
    });
    const { closest } = await run();
    expect(names(closest)).toEqual(names(all.slice(0, 8)));
    expect(asked.length).toBeLessThanOrEqual(120);
  });

  it('that name more and more of them end with their share of the queries', async () => {
    const { run, asked } = lookUp({
      query: (contact) =>
        contact.identity === all[200]!.identity || isSybil(contact)
          ? Promise.resolve({ contacts: Array.from({ length: 8 }, () => sybil(`90.${serial % 250}.0.1`)) })
          : Promise.resolve(honest(contact)),
    });
    await run();
    expect(asked.filter(isSybil).length).toBeLessThanOrEqual(40);
    const honestOnes = asked.filter((contact) => !isSybil(contact));
    expect(names(honestOnes)).toEqual(expect.arrayContaining(names(all.slice(0, 8))));
  });

  it('of one group are asked no more often than their group may be', async () => {
    const { run, asked } = lookUp({
      perGroup: 5,
      query: (contact) =>
        isSybil(contact) || contact.identity === all[200]!.identity
          ? Promise.resolve({ contacts: Array.from({ length: 8 }, () => sybil(`203.0.113.${serial % 250}`)) })
          : Promise.resolve(honest(contact)),
    });
    const { closest } = await run();
    expect(asked.filter(isSybil).length).toBe(5);
    expect(names(closest)).toEqual(expect.arrayContaining(names(all.slice(0, 3))));
  });
});
