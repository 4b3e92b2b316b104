import { describe, expect, it } from '@jest/globals';
import { ControlledClock, seededRandom } from '@pea2pea/core/testing';
import { AddressBook, type AddressBookOptions, type KnownAddress } from '@pea2pea/network';
import { peerErrorOf } from '@pea2pea/testing';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const NOW = Date.UTC(2027, 0, 1);

function open(options: Partial<AddressBookOptions> = {}) {
  const clock = new ControlledClock(NOW);
  const settings = { clock, random: seededRandom(7), secret: 'a secret of the test', ...options };
  return { clock, settings, book: new AddressBook(settings) };
}

/** The `index`th address of many that belong to different parties. */
const honest = (index: number): string => `${1 + (index % 9)}.${(index * 7) % 250}.${index % 256}.7:4000`;
/** The `index`th of the addresses that a liar makes up. */
const madeUp = (index: number): string => `${11 + (index % 200)}.${(index * 3) % 256}.${index >> 9}.9:4000`;
/** The `index`th address of one party. */
const crowd = (index: number): string => `203.0.${(index >> 8) & 255}.${index & 255}:${4000 + (index >> 16)}`;

const texts = (known: readonly KnownAddress[]): string[] => known.map(({ address }) => address.toString());
const told = (from: string) => ({ kind: 'told', from }) as const;

describe('an address book', () => {
  it('knows what it was told, once', () => {
    const { book } = open();
    expect(book.add('203.0.113.7:4000', told('198.51.100.1:4000'))).toBe(true);
    expect(book.add('203.0.113.7:4000', told('198.51.100.2:4000'))).toBe(false);
    expect(book.size).toBe(1);
    expect(book.get('203.0.113.7:4000')).toMatchObject({
      group: '203.0.0.0/16',
      source: 'told',
      isProven: false,
      seenMs: NOW,
      attemptMs: 0,
      successMs: 0,
      failures: 0,
    });
  });

  it('keeps an address apart from the same one with an identity', () => {
    const { book } = open();
    book.add('alice@203.0.113.7:4000', told('198.51.100.1:4000'));
    book.add('mallory@203.0.113.7:4000', told('198.51.100.2:4000'));
    expect(texts(book.all())).toEqual(['alice@203.0.113.7:4000', 'mallory@203.0.113.7:4000']);
  });

  it.each(['203.0.113.7:0', 'nowhere', ''])('refuses %j, which cannot be dialled', async (text) => {
    await peerErrorOf('P2P_ERR_INVALID_ADDRESS', () => open().book.add(text, { kind: 'configured' }));
  });

  it('proves an address by a success, and counts failures until the next one', () => {
    const { book, clock } = open();
    book.add('203.0.113.7:4000', told('198.51.100.1:4000'));
    book.attempted('203.0.113.7:4000');
    book.failed('203.0.113.7:4000');
    expect(book.get('203.0.113.7:4000')).toMatchObject({ attemptMs: NOW, failures: 1, isProven: false });
    clock.advance(MINUTE);
    book.succeeded('203.0.113.7:4000');
    expect(book.get('203.0.113.7:4000')).toMatchObject({
      failures: 0,
      isProven: true,
      successMs: NOW + MINUTE,
    });
  });

  it('adds an address at which a peer was reached though nobody had told it', () => {
    const { book } = open();
    book.succeeded('203.0.113.7:4000');
    expect(book.get('203.0.113.7:4000')).toMatchObject({ source: 'dialled', isProven: true });
  });

  it('forgets what it is told to', () => {
    const { book } = open();
    book.succeeded('203.0.113.7:4000');
    expect([book.remove('203.0.113.7:4000'), book.remove('203.0.113.7:4000'), book.size]).toEqual([
      true,
      false,
      0,
    ]);
    expect(book.pick()).toBeUndefined();
  });

  it('takes a time in the future for now', () => {
    const { book } = open();
    book.add('203.0.113.7:4000', { kind: 'discovered', seenMs: NOW + DAY });
    expect(book.get('203.0.113.7:4000')?.seenMs).toBe(NOW);
  });
});

/** Many addresses told by their neighbours, then twenty thousand that one party has made up. */
function lied() {
  const { book } = open();
  for (let index = 0; index < 900; index++) book.add(honest(index), told(honest(index + 1)));
  const before = new Set(texts(book.all()));
  for (let index = 0; index < 20_000; index++) book.add(madeUp(index), told('203.0.1.1:4000'));
  return { book, before };
}

describe('one party that tells twenty thousand addresses', () => {
  it('fills a sixteenth of the slots, and leaves those of others where they are', () => {
    const { book, before } = lied();
    const after = texts(book.all());
    expect(after.filter((text) => before.has(text)).length).toBe(before.size);
    expect(after.length - before.size).toBeLessThanOrEqual(16 * 64);
    expect(after.length - before.size).toBeGreaterThan(12 * 64);
    expect(book.evicted).toBe(0);
  });

  it('has its addresses picked less than a fifth of the time', () => {
    const { book, before } = lied();
    const picked = Array.from({ length: 2_000 }, () => book.pick()!.address.toString());
    expect(picked.filter((text) => !before.has(text)).length).toBeLessThan(400);
  });

  it('drives out nobody who can be reached, even where a peer responds at each of them', () => {
    const { book } = open();
    for (let index = 0; index < 200; index++) book.succeeded(honest(index));
    const proven = book.all().filter(({ isProven }) => isProven);
    for (let index = 0; index < 5_000; index++) {
      book.succeeded(crowd(index));
      for (const { address, group } of book.contested()) {
        if (group !== '203.0.0.0/16') book.succeeded(address);
        else book.failed(address);
      }
    }
    const still = new Set(texts(book.all().filter(({ isProven }) => isProven)));
    expect(texts(proven).filter((text) => !still.has(text))).toEqual([]);
    expect([...still].filter((text) => text.startsWith('203.0.')).length).toBeLessThanOrEqual(4 * 64);
  });
});

describe('a slot that somebody else has', () => {
  /** Two addresses of one place among the proven. */
  function rivals() {
    const { book, clock } = open({ provenBuckets: 4 });
    book.succeeded(crowd(0));
    for (let index = 1; ; index++) {
      book.succeeded(crowd(index));
      const [incumbent] = book.contested();
      if (incumbent !== undefined)
        return { book, clock, newcomer: crowd(index), incumbent: incumbent.address.toString() };
    }
  }

  it('stays with whoever has it as long as a dial reaches them', () => {
    const { book, newcomer, incumbent } = rivals();
    expect(book.get(newcomer)?.isProven).toBe(false);
    book.succeeded(incumbent);
    expect([book.contested(), book.get(incumbent)?.isProven, book.get(newcomer)?.isProven]).toEqual([
      [],
      true,
      false,
    ]);
  });

  it('goes to the newcomer when a dial to whoever has it fails', () => {
    const { book, newcomer, incumbent } = rivals();
    book.failed(incumbent);
    expect([book.contested(), book.get(incumbent)?.isProven, book.get(newcomer)?.isProven]).toEqual([
      [],
      false,
      true,
    ]);
  });

  it('is waited for no longer where the newcomer is forgotten', () => {
    const { book, newcomer, incumbent } = rivals();
    book.remove(newcomer);
    book.failed(incumbent);
    expect([book.contested(), book.get(incumbent)?.isProven]).toEqual([[], true]);
  });
});

describe('what is picked', () => {
  it('is spread over all groups, not over all addresses', () => {
    const { book } = open();
    for (let index = 0; index < 60; index++) book.add(crowd(index), told('203.0.1.1:4000'));
    book.add('198.51.100.1:4000', told('198.51.100.2:4000'));
    let other = 0;
    for (let round = 0; round < 1_000; round++) {
      if (book.pick()!.group === '198.51.0.0/16') other++;
    }
    expect(other).toBeGreaterThan(30); // 1 of 61 addresses would be 16
  });

  it('is seldom what was dialled just now, and not what the caller does not accept', () => {
    const { book } = open();
    for (const text of ['1.1.1.1:1', '2.2.2.2:2', '3.3.3.3:3']) book.add(text, { kind: 'configured' });
    book.attempted('1.1.1.1:1');
    const picked = Array.from({ length: 300 }, () =>
      book.pick({ accept: ({ address }) => address.toString() !== '2.2.2.2:2' })!.address.toString(),
    );
    expect(picked).not.toContain('2.2.2.2:2');
    expect(picked.filter((text) => text === '1.1.1.1:1').length).toBeLessThan(60);
    expect(book.pick({ accept: () => false })).toBeUndefined();
  });

  it('is from the table that was asked for', () => {
    const { book } = open();
    book.add('1.1.1.1:1', { kind: 'configured' });
    book.succeeded('2.2.2.2:2');
    expect(book.pick({ from: 'told' })?.address.toString()).toBe('1.1.1.1:1');
    expect(book.pick({ from: 'proven' })?.address.toString()).toBe('2.2.2.2:2');
  });
});

describe('a sample for others', () => {
  it('is a quarter of the book at most, and another one each time', () => {
    const { book } = open();
    for (let index = 0; index < 100; index++) book.add(honest(index), told(honest(index + 1)));
    const [one, two] = [texts(book.sample(1_000)), texts(book.sample(1_000))];
    expect(one.length).toBe(Math.ceil(book.size / 4));
    expect(new Set(one).size).toBe(one.length);
    expect(one).not.toEqual(two);
    expect(book.sample(3).length).toBe(3);
  });

  it('leaves out what nobody has seen for a month, and what never worked', () => {
    const { book, clock } = open();
    book.add('1.1.1.1:1', { kind: 'configured' });
    clock.advance(31 * DAY);
    book.add('2.2.2.2:2', { kind: 'configured' });
    for (const _attempt of [1, 2, 3]) book.failed('2.2.2.2:2');
    book.add('3.3.3.3:3', { kind: 'configured' });
    expect(texts(book.sample(10))).toEqual(['3.3.3.3:3']);
  });
});

describe('a book that was stored', () => {
  it('comes back as it was', () => {
    const { book, settings } = open();
    for (let index = 0; index < 300; index++) book.add(honest(index), told(honest(index + 1)));
    for (let index = 0; index < 300; index += 3) book.succeeded(honest(index));
    book.failed(honest(1));
    const { secret: _secret, ...rest } = settings;
    const restored = AddressBook.from(JSON.parse(JSON.stringify(book)), rest);
    expect(restored.all()).toEqual(book.all());
    expect(restored.toJSON()).toEqual(book.toJSON());
  });

  it('leaves out addresses that cannot be read, and goes on with the others', () => {
    const { book, settings } = open();
    book.add('1.1.1.1:1', { kind: 'configured' });
    const data = book.toJSON();
    const [good] = data.addresses;
    const bad = [null, 7, {}, { ...good, address: 'x' }, { ...good, failures: -1 }, { ...good, seenMs: '1' }];
    const { secret: _secret, ...rest } = settings;
    expect(texts(AddressBook.from({ ...data, addresses: [...bad, good] }, rest).all())).toEqual([
      '1.1.1.1:1',
    ]);
  });

  it.each([
    undefined,
    null,
    7,
    {},
    { version: 2 },
    { version: 1, secret: 'short' },
    { version: 1, secret: 'x'.repeat(16) },
  ])('is refused where it is %j', async (data) => {
    const { secret: _secret, ...rest } = open().settings;
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => AddressBook.from(data, rest));
  });
});

it.each([{ toldBuckets: 15 }, { provenBuckets: 0 }, { secret: 'short' }, { typo: 1 }])(
  'options of %j are refused',
  async (options) => {
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => open(options));
  },
);
