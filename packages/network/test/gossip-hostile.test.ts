import { describe, expect, it } from '@jest/globals';
import { ed25519Signer, gossip } from '@pea2pea/network';
import { simulate, type World } from '@pea2pea/testing';
import { generateKeyPairSync } from 'node:crypto';
import {
  AGE,
  crowd,
  gossiper,
  hostOf,
  name,
  publication,
  stranger,
  Type,
  type Gossiper,
  type GossiperOptions,
  type Stranger,
} from './gossip-lab.js';

const ABUSE = { origin: 'user', error: { code: 'P2P_ERR_GOSSIP_ABUSE' } };

/** Two honest nodes, and a stranger who has dialled the first. */
async function attacked(seed: number, options: GossiperOptions = {}, hello = {}) {
  const world = simulate({ seed });
  const [victim, friend] = await crowd(world, 2, options);
  const other = await stranger(world, victim!, { hello });
  await world.run('3 s');
  const end = [...victim!.node.connections].find(({ address }) => address.host === '10.9.9.9')!;
  return { world, victim: victim!, friend: friend!, other, end };
}

/** What they had before goes on. */
async function stillTalk(world: World, { victim, friend }: { victim: Gossiper; friend: Gossiper }) {
  const before = victim.heard.length;
  friend.tell(1_000 + before);
  await world.until('the victim still hears its friend', () => victim.heard.length > before, 20_000);
  const [connection] = [...victim.node.connections].filter(({ address }) => address.host !== '10.9.9.9');
  expect(victim.plugin.scoreOf(connection!)).toBeGreaterThanOrEqual(0);
}

const randomId = (world: World): Buffer =>
  Buffer.from(Array.from({ length: 16 }, () => Math.floor(world.random.next() * 256)));

const wants = ({ came }: Stranger): number =>
  came.filter((bytes) => bytes[0] === Type.want).reduce((sum, bytes) => sum + (bytes.length - 1) / 16, 0);

describe('a hostile peer of gossip', () => {
  it('that names messages and never sends them is hardly asked any more', async () => {
    const { world, victim, friend, other, end } = await attacked(1);
    const asked: number[] = [];
    for (let second = 0; second < 300; second++) {
      other.say(Type.have, name('rumours'), ...Array.from({ length: 200 }, () => randomId(world)));
      await world.run('1 s');
      asked.push(wants(other));
    }
    const { dropped, brokenPromises } = victim.plugin.counts;
    // It has named 60 000.
    expect(asked.at(-1)).toBeLessThan(300);
    expect(brokenPromises).toBeGreaterThan(1);
    expect(victim.plugin.scoreOf(end)).toBeLessThan(-4);
    expect(dropped.lowScore).toBeGreaterThan(0);
    await stillTalk(world, { victim, friend });
  });

  it('that spams names beyond what is looked at ends', async () => {
    const { world, victim, friend, other, end } = await attacked(2);
    world.spawn(async () => {
      while (end.state === 'open') {
        for (let frame = 0; frame < 30; frame++) {
          other.say(Type.have, name('rumours'), ...Array.from({ length: 256 }, () => randomId(world)));
        }
        await world.sleep(1_000);
      }
    });
    expect(await world.drive(end.closed)).toMatchObject(ABUSE);
    expect(victim.plugin.counts.dropped.tooManyHaves).toBeGreaterThan(1_000);
    expect(victim.plugin.counts.dropped.notWanted).toBeGreaterThan(1_000);
    await stillTalk(world, { victim, friend });
  });

  it('that has places for wants taken leaves three quarters of them to others', async () => {
    const { world, victim, friend, other } = await attacked(3, { maxWanted: 40, graceMs: 60_000 });
    other.say(Type.have, name('rumours'), ...Array.from({ length: 200 }, () => randomId(world)));
    await world.run('1 s');
    expect(victim.plugin.counts.dropped.notWanted).toBe(190);
    await stillTalk(world, { victim, friend });
  });

  it('that sends what cannot be decoded ends after four of them, and nobody else is sent it', async () => {
    const { world, victim, friend, other, end } = await attacked(4);
    const ended: string[] = [];
    victim.plugin.events.on('ended', ({ fault }) => ended.push(fault));
    for (let nonce = 0; nonce < 5; nonce++) other.say(Type.message, AGE, publication('{"number":', nonce));
    expect(await world.drive(end.closed)).toMatchObject(ABUSE);
    await world.run('5 s');
    expect(ended).toEqual(['invalid']);
    expect(victim.plugin.counts.dropped.rejected).toBe(4);
    expect([victim.heard, friend.heard, friend.plugin.counts.dropped.rejected]).toEqual([[], [], 0]);
    await stillTalk(world, { victim, friend });
  });

  it('that sends what is rejected ends, whether it was the first to send it or not', async () => {
    const { world, victim, friend, other, end } = await attacked(5, {
      validate: ({ number }) => (number < 0 ? 'reject' : 'accept'),
    });
    const bad = publication('{"number":-1}');
    for (let times = 0; times < 5; times++) other.say(Type.message, AGE, bad);
    expect(await world.drive(end.closed)).toMatchObject(ABUSE);
    expect(victim.plugin.counts.dropped.rejected).toBe(1);
    expect(victim.plugin.counts.duplicates).toBe(3);
    expect(friend.heard).toEqual([]);
    await stillTalk(world, { victim, friend });
  });

  it('that repeats a message has it ignored', async () => {
    const { world, victim, friend, other, end } = await attacked(6);
    for (let times = 0; times < 50; times++) other.say(Type.message, AGE, publication('{"number":7}'));
    await world.run('3 s');
    expect([victim.heard, friend.heard]).toEqual([[7], [7]]);
    expect(victim.plugin.counts.duplicates).toBe(49);
    expect(end.state).toBe('open');
  });

  it('that grafts itself again and again during its back-off ends', async () => {
    const { world, victim, friend, other, end } = await attacked(7);
    other.say(Type.message, AGE, publication('no JSON'));
    await world.run('2 s');
    expect(victim.topic.mesh.some(({ address }) => address.host === '10.9.9.9')).toBe(false);
    expect(other.came.some((bytes) => bytes[0] === Type.prune)).toBe(true);
    await world.run('3 s');
    for (let times = 0; times < 20; times++) other.say(Type.graft, 'rumours');
    expect(await world.drive(end.closed)).toMatchObject(ABUSE);
    await stillTalk(world, { victim, friend });
  });

  it('that floods with topics has a bounded number of them remembered, and ends', async () => {
    const { world, victim, friend, other, end } = await attacked(8);
    let serial = 0;
    world.spawn(async () => {
      while (end.state === 'open') {
        for (let frame = 0; frame < 10; frame++) {
          other.say(
            Type.topics,
            ...Array.from({ length: 250 }, () => [Buffer.of(1), name(`t${serial++}`)]).flat(),
          );
        }
        await world.sleep(1_000);
      }
    });
    expect(await world.drive(end.closed)).toMatchObject(ABUSE);
    await stillTalk(world, { victim, friend });
  });

  it('that asks for the same message again and again gets it three times', async () => {
    const { world, victim, other } = await attacked(9);
    const { id } = victim.tell(1);
    await world.run('1 s');
    const before = other.came.filter((bytes) => bytes[0] === Type.message).length;
    for (let times = 0; times < 20; times++) other.say(Type.want, Buffer.from(id, 'hex'));
    await world.run('1 s');
    expect(other.came.filter((bytes) => bytes[0] === Type.message).length - before).toBe(3);
    expect(victim.plugin.counts.dropped.askedTooOften).toBe(17);
    other.say(Type.want, randomId(world));
    await world.run('1 s');
    expect(victim.plugin.counts.dropped.notKept).toBe(1);
  });

  it('that takes its place in the mesh and passes nothing on delays nobody for long', async () => {
    const world = simulate({ seed: 10 });
    const one = await gossiper(world, hostOf(0));
    const end = await gossiper(world, hostOf(1));
    await world.drive(one.node.connect(end.address));
    for (let index = 0; index < 12; index++) {
      const other = await stranger(world, one, { address: `10.8.0.${index + 1}` });
      other.say(Type.graft, 'rumours');
    }
    await world.run('10 s');
    one.tell(1, 'x'.repeat(500));
    await world.until('it came', () => end.heard.length === 1, 3_000);
  });

  it.each<[string, (number | string | Uint8Array)[]]>([
    ['an unknown type', [99]],
    ['a topic of nothing', [Type.graft]],
    ['a topic that is too long', [Type.graft, 'x'.repeat(101)]],
    ['a topic that is not UTF-8', [Type.graft, Buffer.of(0xff, 0xfe)]],
    ['a list of topics that is cut', [Type.topics, 1, 9, 'abc']],
    ['a flag that is neither', [Type.topics, 2, name('x')]],
    ['half an id', [Type.want, Buffer.alloc(8)]],
    ['no id', [Type.want]],
    ['too many ids', [Type.want, Buffer.alloc(257 * 16)]],
    ['an age that is cut', [Type.message, 0, 0]],
    ['a publication that is cut', [Type.message, AGE, 0, 200, 'short']],
    ['a publication without a nonce', [Type.message, AGE, 0, name('rumours'), 0]],
    ['a message that is too long', [Type.message, AGE, publication('x'.repeat(70_000))]],
  ])('that sends %s ends, and nobody else', async (_what, parts) => {
    const { world, victim, friend, other, end } = await attacked(11);
    other.say(...parts);
    expect(await world.drive(end.closed)).toMatchObject({ origin: 'reading', cause: 'invalid-frame' });
    await stillTalk(world, { victim, friend });
  });

  it('that forges a signature, or signs nothing, ends where all have to sign', async () => {
    for (const forged of [
      publication('{"number":1}'),
      Buffer.concat([
        Buffer.of(64),
        Buffer.alloc(64),
        name('rumours'),
        name('ab'.repeat(32)),
        Buffer.alloc(8),
        Buffer.from('{}'),
      ]),
      Buffer.concat([
        Buffer.of(3, 1, 2, 3),
        name('rumours'),
        name('not a key'),
        Buffer.alloc(8),
        Buffer.from('{}'),
      ]),
    ]) {
      const signer = ed25519Signer(generateKeyPairSync('ed25519').privateKey);
      const { world, victim, other, end } = await attacked(12, { signer }, { isSigned: true });
      for (let times = 0; times < 5; times++) other.say(Type.message, AGE, forged);
      expect(await world.drive(end.closed)).toMatchObject(ABUSE);
      expect(victim.heard).toEqual([]);
    }
  });

  it('that lies about another network is left alone', async () => {
    const { world, victim, other, end } = await attacked(13, {}, { network: 'elsewhere' });
    other.say(Type.message, AGE, publication('{"number":1}'));
    victim.tell(2);
    await world.run('5 s');
    expect([victim.heard, other.came, end.state]).toEqual([[], [], 'open']);
    expect(victim.node.plugin(gossip).scoreOf(end)).toBe(0);
  });
});
