import { describe, expect, it } from '@jest/globals';
import { ConnectionContext, expectedIdentity, memoryTransport, peerIdentity } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { bans, Bans, type BansOptions } from '@pea2pea/policies';
import { lab, listen, until, warningsIn, type TestNode } from '@pea2pea/testing';

const { makeNode } = lab();

/** A node whose peers say who they are, which the test takes for a proof. */
function party(name: string, options?: BansOptions, shared = {}): TestNode {
  const party = makeNode({ ...shared });
  if (options !== undefined) party.node.use(bans(options));
  party.node.use({
    async onHandshake(handshake) {
      await handshake.write(`${name}\n`);
      handshake.context.set(peerIdentity, String(await handshake.readUntil('\n', 2_000)));
    },
  });
  return party;
}

function world(options: BansOptions = {}) {
  const shared = { transport: memoryTransport(), clock: new ControlledClock() };
  const host = party('host', options, shared);
  const seen: string[] = [];
  host.node.use({ onConnect: ({ identity }) => void seen.push(identity!) });
  const guest = (name: string) => party(name, undefined, shared);
  return { ...shared, host, seen, guest, plugin: () => host.node.plugin(Bans) };
}

describe('the ban of an identity', () => {
  it('ends the connections of the peer, wherever they come from, and no others', async () => {
    const { host, guest, plugin } = world();
    const address = await listen(host);
    const there = [guest('mallory'), guest('mallory'), guest('alice')];
    for (const { node } of there) await node.connect(address);
    await until('all are there', () => host.node.connections.size === 3);
    expect(plugin().ban({ identity: 'mallory' }, { why: 'spam' })).toBe(2);
    await until('they are gone', () => host.closed.length === 2);
    expect(host.closed[0]!.reason).toMatchObject({ origin: 'user', error: { code: 'P2P_ERR_BANNED' } });
    expect([...host.node.connections].map(({ identity }) => identity)).toEqual(['alice']);
    expect(plugin().isBanned({ identity: 'mallory' })).toBe(true);
    expect(plugin().isBanned({ identity: 'alice' })).toBe(false);
    expect(warningsIn(host.log).at(-1)).toMatchObject({
      text: 'banned',
      fields: { identity: 'mallory', ended: 2 },
    });
    expect(warningsIn(host.log).at(-1)!.fields).not.toHaveProperty('prefix');
  });

  it('ends a connection whose peer proves it, before hooks after it see anything', async () => {
    const { host, guest, seen, plugin } = world({ banned: [{ identity: 'mallory' }] });
    const connection = await guest('mallory').node.connect(await listen(host));
    await connection.closed;
    expect(plugin().refused).toBe(1);
    await guest('alice').node.connect(host.node.address!);
    await until('alice is there', () => seen.length > 0);
    expect(seen).toEqual(['alice']);
  });

  it('refuses a dial that expects it, and ends one that finds it', async () => {
    const { host, guest, plugin } = world({ banned: [{ identity: 'mallory' }] });
    const mallory = guest('mallory');
    const address = await listen(mallory);
    const context = new ConnectionContext().with(expectedIdentity, 'mallory');
    await expect(host.node.connect(address, { context })).rejects.toMatchObject({
      code: 'P2P_ERR_BANNED',
      what: expect.stringMatching(/^mallory, at .* is banned$/),
    });
    const reason = await (await host.node.connect(address)).closed;
    expect(reason).toMatchObject({ error: { code: 'P2P_ERR_BANNED' } });
    expect(plugin().dialsRefused).toBe(2);
  });

  it('ends by itself, can be lifted, and goes through JSON', async () => {
    const { clock, plugin } = world();
    plugin().ban({ identity: 'short' }, { durationMs: 1_000 });
    plugin().ban({ identity: 'long' }, { durationMs: Infinity, why: 'spam' });
    plugin().ban('203.0.113.7', { durationMs: Infinity });
    const list = plugin().list();
    expect(list).toEqual([
      { prefix: '203.0.113.7' },
      { identity: 'long', why: 'spam' },
      { identity: 'short', until: clock.date() + 1_000 },
    ]);
    const stored = JSON.parse(JSON.stringify(list)) as typeof list;
    expect(
      makeNode({ clock })
        .node.use(bans({ banned: stored }))
        .plugin(Bans)
        .list(),
    ).toEqual(list);
    clock.advance(1_000);
    expect(plugin().isBanned({ identity: 'short' })).toBe(false);
    expect([plugin().unban({ identity: 'long' }), plugin().unban({ identity: 'long' })]).toEqual([
      true,
      false,
    ]);
    expect(plugin().list()).toEqual([{ prefix: '203.0.113.7' }]);
  });

  it('counts in `maxEntries`, where it ends by itself', () => {
    const { plugin } = world({ maxEntries: 2 });
    for (const identity of ['a', 'b', 'c']) plugin().ban({ identity });
    expect(
      plugin()
        .list()
        .map(({ identity }) => identity),
    ).toEqual(['b', 'c']);
    expect(plugin().evicted.bans).toBe(1);
  });

  it('is not that of an address: a connection is banned by its address', async () => {
    const { host, guest, plugin } = world();
    await guest('mallory').node.connect(await listen(host));
    await until('it is there', () => host.opened.length === 1);
    expect(plugin().ban(host.opened[0]!)).toBe(1);
    expect(plugin().list()).toMatchObject([{ prefix: '127.0.0.1' }]);
    expect(plugin().isBanned({ identity: 'mallory' })).toBe(false);
  });

  it.each([[''], ['x'.repeat(1_025)], [7], [undefined], [null], [['x']]])(
    'must be a string of 1 to 1024: not %j',
    (identity) => {
      const { plugin } = world();
      for (const call of ['ban', 'unban', 'isBanned'] as const) {
        expect(() => plugin()[call]({ identity: identity as string })).toThrow(/`identity` must be a string/);
      }
      if (identity === undefined) return;
      expect(() => makeNode().node.use(bans({ banned: [{ identity: identity as string }] }))).toThrow(
        /`banned\[0\].identity` must be a string/,
      );
    },
  );

  it('is not a prefix as well', () => {
    const both = { identity: 'x', prefix: '203.0.113.7' } as never;
    expect(() => makeNode().node.use(bans({ banned: [both] }))).toThrow(/make it two/);
  });
});
