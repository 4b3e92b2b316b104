import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PeerAddress } from '@pea2pea/network';
import { contactOf, type Contact } from '../src/kademlia/contact.js';
import { compareDistance, ID_BITS, idWithSharedBits, nodeIdOf, sharedBits } from '../src/kademlia/id.js';
import { RoutingTable, type RoutingTableRules } from '../src/kademlia/routing-table.js';

const SELF = nodeIdOf('self');
const contact = (
  name: string | number,
  host = `${20 + (Number(name) % 200)}.${Number(name) >> 8}.0.1`,
): Contact => contactOf(new PeerAddress(`${host}:4000`, `peer-${name}`))!;
const table = (rules: Partial<RoutingTableRules> = {}) =>
  new RoutingTable(SELF, { k: 4, perGroup: 1_000, ...rules });
const see = (of: RoutingTable, who: Contact, seenMs = 0, isDialled = true) =>
  of.seen({ contact: who, seenMs, isDialled });
/** Contacts of the bucket in which a half of all are. */
const far = Array.from({ length: 200 }, (_, index) => contact(index)).filter(
  ({ id }) => sharedBits(SELF, id) === 0,
);
const names = (contacts: readonly Contact[]) => contacts.map(({ identity }) => identity);

const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));

describe('distance', () => {
  it('is the XOR of two ids as a number', () => {
    const numberOf = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`);
    fc.assert(
      fc.property(id, id, id, (target, a, b) => {
        const [near, far_] = [numberOf(target) ^ numberOf(a), numberOf(target) ^ numberOf(b)];
        expect(Math.sign(compareDistance(target, a, b))).toBe(near < far_ ? -1 : near > far_ ? 1 : 0);
      }),
    );
  });

  it('counts the bits that two ids share', () => {
    fc.assert(
      fc.property(
        id,
        fc.nat(ID_BITS - 1),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (one, bits, chance) => {
          expect(sharedBits(one, idWithSharedBits(one, bits, { next: () => chance }))).toBe(bits);
          expect(sharedBits(one, one)).toBe(ID_BITS);
        },
      ),
    );
  });
});

describe('a routing table', () => {
  it('keeps those that came first and are there, whoever comes', () => {
    const of = table();
    for (const [index, who] of far.slice(0, 4).entries()) expect(see(of, who, index)).toBe('added');
    for (const who of far.slice(4, 50)) expect(see(of, who, 100)).toBe('spare');
    expect(names(of.closest(SELF, 99)).sort()).toEqual(names(far.slice(0, 4)).sort());
  });

  it('gives the place of one that is gone to the spare that was seen last', () => {
    const of = table();
    for (const who of far.slice(0, 12)) see(of, who);
    see(of, far[9]!);
    expect(of.gone(far[2]!)).toBe(true);
    expect(of.get(far[2]!.identity)).toBeUndefined();
    expect(of.get(far[9]!.identity)).toBeDefined();
    expect(of.size).toBe(4);
    expect(of.gone(far[50]!)).toBe(false);
  });

  it('has the one that was seen longest ago first in its bucket', () => {
    const of = table();
    for (const who of far.slice(0, 4)) see(of, who);
    see(of, far[0]!);
    expect(names(of.bucket(0).map((entry) => entry.contact))).toEqual(names([...far.slice(1, 4), far[0]!]));
  });

  it('has one that got a place long after it was seen asked before others', () => {
    const of = table();
    for (const [index, who] of far.slice(0, 6).entries()) see(of, who, index);
    for (const who of far.slice(0, 4)) see(of, who, 100);
    of.gone(far[1]!);
    expect(of.bucket(0)[0]!.contact.identity).toBe(far[5]!.identity);
  });

  it('has no more spares than places', () => {
    const of = table();
    for (const who of far) see(of, who);
    let gone = 0;
    while (of.size > 0) gone += Number(of.gone(of.closest(SELF, 1)[0]!));
    expect(gone).toBe(8);
  });

  it('does not take itself', () => {
    const self = contactOf(new PeerAddress('20.0.0.1:4000', 'self'))!;
    expect(see(table(), self)).toBe('self');
  });

  it('gives one group few places in a bucket, and few in all', () => {
    const of = table({ k: 20, perGroup: 10 });
    const one = Array.from({ length: 300 }, (_, index) =>
      contact(1_000 + index, `203.0.${index >> 8}.${index & 255}`),
    );
    for (const who of one) see(of, who);
    expect(of.size).toBe(10);
    expect(of.bucket(0).length).toBe(2);
    expect(of.counts.crowded).toBe(290);
    for (const who of far.slice(0, 18)) expect(see(of, who)).toBe('added');
  });

  it('lets no spare of a crowded group have a place that gets free', () => {
    const of = table({ k: 2, perGroup: 10 });
    const [first, second] = [contact(far[0]!.identity.slice(5), '203.0.0.1'), far[1]!];
    for (const who of [first, second, far[2]!]) see(of, who);
    const crowd = far.slice(3, 6).map(({ identity }) => contact(identity.slice(5), '203.0.0.2'));
    for (const who of crowd) see(of, who);
    of.gone(second);
    of.gone(of.bucket(0).find(({ contact: { group } }) => group === far[2]!.group)?.contact ?? second);
    expect(of.bucket(0).filter(({ contact: { group } }) => group === first.group).length).toBeLessThanOrEqual(
      2,
    );
  });

  it('does not have an address that was dialled replaced by one that is claimed', () => {
    const of = table();
    const [dialled, claimed] = [contact(1, '20.0.0.1'), contact(1, '30.0.0.1')];
    see(of, dialled, 1);
    see(of, claimed, 2, false);
    expect(of.get('peer-1')).toEqual({ contact: dialled, seenMs: 2, isDialled: true });
    see(of, claimed, 3, true);
    expect(of.get('peer-1')?.contact.peer.address.host).toBe('30.0.0.1');
  });

  it('returns the contacts closest to a target, and never more than its places', () => {
    const step = fc.record({ who: fc.nat(400), isGone: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), id, (steps, target) => {
        const of = table({ k: 3 });
        for (const { who, isGone } of steps) {
          if (isGone) of.gone(contact(who));
          else see(of, contact(who));
        }
        const all = Array.from(of.entries(), (entry) => entry.contact);
        expect(new Set(names(all)).size).toBe(all.length);
        const perBucket = new Map<number, number>();
        for (const { id: other } of all) {
          const bits = sharedBits(SELF, other);
          perBucket.set(bits, (perBucket.get(bits) ?? 0) + 1);
        }
        expect(Math.max(0, ...perBucket.values())).toBeLessThanOrEqual(3);
        const sorted = [...all].sort((a, b) => compareDistance(target, a.id, b.id));
        expect(names(of.closest(target, 5))).toEqual(names(sorted.slice(0, 5)));
      }),
    );
  });

  it('says which buckets nobody has looked for, up to the closest contact', () => {
    const of = table();
    expect(of.stale(0)).toEqual([0]);
    const near = Array.from({ length: 400 }, (_, index) => contact(index)).find(
      (one) => sharedBits(SELF, one.id) === 5,
    )!;
    see(of, near);
    expect(of.stale(0)).toEqual([0, 1, 2, 3, 4, 5]);
    of.refreshed(idWithSharedBits(SELF, 3, { next: () => 0 }), 10);
    expect(of.stale(10)).toEqual([0, 1, 2, 4, 5]);
    expect(of.stale(11)).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
