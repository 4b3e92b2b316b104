import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PeerAddress } from '@pea2pea/network';
import {
  contentKey,
  signedKey,
  signValue,
  type DhtRecord,
  type ValueToSign,
} from '@pea2pea/network/kademlia';
import { peerErrorOf } from '@pea2pea/testing';
import { nodeIdOf } from '../src/kademlia/id.js';
import { Providers } from '../src/kademlia/providers.js';
import { isAuthentic, isNewer, keyOf, readRecord, writeRecord } from '../src/kademlia/record.js';
import { Values, type StoredValue } from '../src/kademlia/values.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const signed = (changes: Partial<ValueToSign> = {}): DhtRecord =>
  signValue({
    privateKey,
    name: 'news',
    sequence: 1,
    value: Buffer.from('it rains'),
    expiresMs: 10_000,
    ...changes,
  });

describe('a signed value', () => {
  it('has a key of its signer and its name, and is read as it was written', () => {
    const record = signed();
    expect(keyOf(record).toString('hex')).toBe(signedKey(publicKey, 'news'));
    expect(signedKey(publicKey, 'other')).not.toBe(signedKey(publicKey, 'news'));
    expect(readRecord(JSON.parse(JSON.stringify(writeRecord(record))), 4_096)).toEqual(record);
    expect(isAuthentic(record)).toBe(true);
  });

  it.each<[string, (record: DhtRecord) => DhtRecord]>([
    ['value', (record) => ({ ...record, value: Buffer.from('it snows') })],
    ['name', ({ value, signed: by }) => ({ value, signed: { ...by!, name: 'weather' } })],
    ['sequence', ({ value, signed: by }) => ({ value, signed: { ...by!, sequence: 2 } })],
    ['expiry', ({ value, signed: by }) => ({ value, signed: { ...by!, expiresMs: 20_000 } })],
    ['signer', ({ value, signed: by }) => ({ value, signed: { ...by!, publicKey: Buffer.alloc(32, 7) } })],
    ['signature', ({ value, signed: by }) => ({ value, signed: { ...by!, signature: Buffer.alloc(64) } })],
    [
      'length of the key',
      ({ value, signed: by }) => ({ value, signed: { ...by!, publicKey: Buffer.alloc(31) } }),
    ],
  ])('is not authentic with another %s', (_what, change) => {
    expect(isAuthentic(change(signed()))).toBe(false);
  });

  it('counts more with a higher number, and of one number the same counts everywhere', () => {
    const [first, second] = [signed(), signed({ sequence: 2 })];
    expect([isNewer(second, first), isNewer(first, second), isNewer(first, first)]).toEqual([
      true,
      false,
      false,
    ]);
    const other = signed({ value: Buffer.from('it snows') });
    expect(isNewer(other, first)).not.toBe(isNewer(first, other));
  });

  it.each([
    { sequence: -1 },
    { sequence: 1.5 },
    { expiresMs: Number.NaN },
    { name: 'x'.repeat(65) },
    { name: '\ud800' },
    { value: 'text' as unknown as Uint8Array },
    { privateKey: publicKey },
    { privateKey: generateKeyPairSync('x25519').privateKey },
  ])('is refused with %j', async (changes) => {
    await peerErrorOf('P2P_ERR_INVALID_VALUE', () => signed(changes));
  });

  it('is not read from anything malformed', () => {
    fc.assert(
      fc.property(fc.anything(), (message) => {
        const record = readRecord(message, 100);
        if (record !== undefined) expect(record.value.length).toBeLessThanOrEqual(100);
      }),
    );
    const good = writeRecord(signed());
    expect(readRecord({ ...good, value: 'x' }, 100)).toBeUndefined();
    expect(readRecord({ ...good, value: Buffer.alloc(101).toString('base64') }, 100)).toBeUndefined();
    expect(readRecord({ ...good, sequence: '1' }, 100)).toBeUndefined();
    expect(readRecord({ ...good, name: 'x'.repeat(65) }, 100)).toBeUndefined();
    expect(readRecord({ ...good, signature: undefined }, 100)).toBeUndefined();
  });
});

const SELF = nodeIdOf('self');
const stored = (text: string, changes: Partial<StoredValue> = {}): StoredValue => {
  const record = { value: Buffer.from(text) };
  return { key: keyOf(record), record, owner: 'a', expiresMs: 1_000, storedMs: 0, ...changes };
};
const limits = { maxValues: 10, maxValuesBytes: 1_000_000, maxValuesPerGroup: 1_000 };

describe('the values of others', () => {
  it('are dropped when their time is over', () => {
    const values = new Values(SELF, limits);
    expect(values.add(stored('one'))).toBeUndefined();
    expect(values.get(contentKey(Buffer.from('one')), 999)?.record.value.toString()).toBe('one');
    expect(values.get(contentKey(Buffer.from('one')), 1_000)).toBeUndefined();
    expect([values.size, values.bytes]).toEqual([0, 0]);
  });

  it('make room for those that are closer to the node, and for no others', () => {
    const values = new Values(SELF, limits);
    const all = Array.from({ length: 200 }, (_, index) => stored(`value ${index}`));
    for (const value of all) values.add(value);
    const left = values.all(0).map(({ key }) => key.toString('hex'));
    const numberOf = (key: Buffer) =>
      BigInt(`0x${key.toString('hex')}`) ^ BigInt(`0x${SELF.toString('hex')}`);
    const closest = [...all].sort((a, b) => (numberOf(a.key) < numberOf(b.key) ? -1 : 1)).slice(0, 10);
    expect(left.sort()).toEqual(closest.map(({ key }) => key.toString('hex')).sort());
  });

  it('are bounded in bytes and entries, and one group has its share', () => {
    const step = fc.record({ text: fc.string({ maxLength: 600 }), owner: fc.constantFrom('a', 'b', 'c') });
    const bounds = { maxValues: 8, maxValuesBytes: 5_000, maxValuesPerGroup: 4 };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const values = new Values(SELF, bounds);
        for (const { text, owner } of steps) values.add(stored(text, { owner }));
        const all = values.all(0);
        expect(all.length).toBe(values.size);
        expect(values.size).toBeLessThanOrEqual(8);
        expect(values.bytes).toBeLessThanOrEqual(5_000);
        expect(values.bytes).toBe(all.reduce((sum, { record }) => sum + record.value.length + 512, 0));
        for (const owner of ['a', 'b', 'c']) {
          expect(all.filter((one) => one.owner === owner).length).toBeLessThanOrEqual(4);
        }
      }),
    );
  });

  it('are replaced by newer ones alone', () => {
    const values = new Values(SELF, limits);
    const of = (record: DhtRecord) => stored('', { record, key: keyOf(record) });
    expect(values.add(of(signed({ sequence: 5 })))).toBeUndefined();
    expect(values.add(of(signed({ sequence: 4 })))).toBe('old');
    expect(values.add(of(signed({ sequence: 6, value: Buffer.alloc(300) })))).toBeUndefined();
    expect(values.get(signedKey(publicKey, 'news'), 0)?.record.signed?.sequence).toBe(6);
    expect(values.size).toBe(1);
  });
});

describe('the providers of others', () => {
  const provider = (name: string, owner: string, expiresMs = 1_000) => ({
    peer: new PeerAddress('20.0.0.1:4000', name),
    owner,
    expiresMs,
  });
  const KEY = 'ab'.repeat(32);

  it('are dropped when their time is over, and kept when they say so again', () => {
    const providers = new Providers({ maxProviders: 9, maxProvidersPerKey: 8, maxProvidersPerGroup: 9 });
    providers.add(KEY, provider('one', 'a'), 0);
    providers.add(KEY, provider('two', 'b'), 0);
    providers.add(KEY, provider('one', 'a', 2_000), 500);
    expect(providers.of(KEY, 1_500).map(({ identity }) => identity)).toEqual(['one']);
    expect(providers.size).toBe(1);
    providers.expire(2_000);
    expect(providers.size).toBe(0);
  });

  it('are bounded, and one group has a quarter of a key at most', () => {
    const step = fc.record({ key: fc.nat(5), who: fc.nat(40), owner: fc.constantFrom('a', 'b', 'c') });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const providers = new Providers({
          maxProviders: 30,
          maxProvidersPerKey: 8,
          maxProvidersPerGroup: 14,
        });
        for (const { key, who, owner } of steps) providers.add(`${key}`, provider(`${who}`, owner), 0);
        const all = [0, 1, 2, 3, 4, 5].map((key) => providers.of(`${key}`, 0));
        expect(providers.size).toBe(all.flat().length);
        expect(providers.size).toBeLessThanOrEqual(30);
        for (const some of all) expect(some.length).toBeLessThanOrEqual(8);
      }),
    );
    const providers = new Providers({ maxProviders: 30, maxProvidersPerKey: 8, maxProvidersPerGroup: 14 });
    const said = ['1', '2', '3', '4'].map((who) => providers.add(KEY, provider(who, 'a'), 0));
    expect(said).toEqual([undefined, undefined, 'full', 'full']);
    expect(providers.add(KEY, provider('5', 'b'), 0)).toBeUndefined();
  });
});
