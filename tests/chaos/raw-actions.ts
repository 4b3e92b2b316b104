import type { Action } from './actions.js';
import { greeted, holderOf, listeningOf, withClient } from './raw-peers.js';
import { oversizedFrame } from './message.js';
import { dialRaw, type RawClient } from './raw-client.js';
import { cameTrue, pause } from './time.js';
import type { World } from './world.js';

/** Longer than any handshake may take. */
const PATIENCE_MS = 600;

/** What strangers do to a node, over a bare link. */
export const RAW_ACTIONS = {
  /** Connects and never says a word. */
  async halfOpen(world, dice) {
    return withClient(world, dice, async (client) => {
      client.listen(true);
      await cameTrue(world.time.clock, dice.integer(1, PATIENCE_MS), () => client.gone);
      return client.gone ? 'pruned' : 'let be';
    });
  },

  /** Many of those at once. */
  async halfOpenFlood(world, dice) {
    const count = dice.integer(5, 20);
    const ones = Array.from({ length: count }, () => RAW_ACTIONS.halfOpen(world, dice));
    await Promise.all(ones);
    return 'done';
  },

  /** One address takes what it can get, and says nothing; or several that may be one group. */
  async crowd(world, dice) {
    const target = listeningOf(world, dice);
    if (target === undefined) return 'nobody';
    const count = dice.integer(10, 30);
    const crowd = world.ground.crowd(dice);
    if (crowd === undefined) return 'nobody';
    const links = await Promise.all(
      Array.from({ length: count }, () => dialRaw(world, dice, crowd.place, target, crowd.address())),
    );
    await pause(world.time.clock, dice.integer(1, PATIENCE_MS));
    for (const link of links) link?.stream.destroy();
    return 'done';
  },

  async wrongMagic(world, dice) {
    return withClient(world, dice, async (client) => {
      client.listen(true);
      const endless = dice.chance(0.3);
      client.write(Buffer.from(endless ? 'x'.repeat(4_000) : 'GET / HTTP/1.1\r\n\r\n'));
      const refused = await cameTrue(world.time.clock, PATIENCE_MS, () => client.gone);
      return refused ? 'refused' : 'waiting';
    });
  },

  async garbage(world, dice) {
    return greeted(world, dice, async (client) => {
      client.say();
      client.write(Buffer.alloc(dice.integer(5, 500)).map(() => dice.integer(0, 0xc4)));
      const ended = await cameTrue(world.time.clock, PATIENCE_MS, () => client.gone);
      return ended ? 'cut off' : 'waiting';
    });
  },

  async oversized(world, dice) {
    return greeted(world, dice, async (client) => {
      client.say();
      client.write(oversizedFrame());
      const ended = await cameTrue(world.time.clock, PATIENCE_MS, () => client.gone);
      return ended ? 'cut off' : 'waiting';
    });
  },

  async resetInMidFrame(world, dice) {
    return greeted(world, dice, async (client) => {
      if (dice.chance(0.5)) client.say();
      client.say(dice.next() * 0.9);
      if (dice.chance(0.5)) await pause(world.time.clock, dice.integer(1, 20));
      client.reset();
      return 'reset';
    });
  },

  async endInMidFrame(world, dice) {
    return greeted(world, dice, async (client) => {
      client.say();
      client.say(dice.next() * 0.9);
      await client.end();
      return 'ended';
    });
  },

  /** Well-behaved, but for the size of the pieces. */
  async dribble(world, dice) {
    return greeted(world, dice, async (client) => {
      for (let count = dice.integer(1, 40); count > 0 && !client.gone; count--) {
        client.say();
        if (dice.chance(0.3)) await pause(world.time.clock, dice.integer(1, 10));
      }
      await client.end();
      return 'ended';
    });
  },

  /** Messages without a body, more than can be handled in a turn. */
  async tinyFlood(world, dice) {
    return greeted(world, dice, async (client) => {
      for (let count = dice.integer(1, 5); count > 0 && !client.gone; count--) {
        client.sayMany(dice.integer(500, 3_000));
        await pause(world.time.clock, dice.integer(1, 10));
      }
      await client.end();
      return 'ended';
    });
  },

  /** Begins a frame, and goes on byte by byte. */
  async drip(world, dice) {
    return greeted(world, dice, async (client) => {
      client.say(dice.next() * 0.1);
      for (let left = dice.integer(5, 40); left > 0 && !client.gone; left--) {
        client.write(Buffer.of(0));
        await pause(world.time.clock, dice.integer(1, 20));
      }
      const outcome = client.gone ? 'given up on' : 'let be';
      client.reset();
      return outcome;
    });
  },

  /** Reads all the time, and little. */
  async sip(world, dice) {
    return greeted(world, dice, async (client) => {
      const { chaos, connection } = holderOf(world, client) ?? {};
      if (chaos === undefined || connection === undefined) return 'lost';
      for (let left = dice.integer(5, 60); left > 0 && !client.gone; left--) {
        while (world.trySend(chaos, connection, { large: true }) === 'ok');
        client.listen(true);
        await pause(world.time.clock, 1);
        client.listen(false);
        await pause(world.time.clock, dice.integer(1, 20));
      }
      await client.end();
      return 'ended';
    });
  },

  /** Talks on and on and reads nothing. */
  async deaf(world, dice) {
    return greeted(world, dice, async (client) => {
      client.listen(false);
      if (dice.chance(0.3)) return `${await shell(world, client)}`;
      for (let count = dice.integer(5, 60); count > 0 && !client.gone; count--) {
        client.say();
        if (dice.chance(0.5)) await pause(world.time.clock, dice.integer(1, 30));
      }
      client.reset();
      return 'reset';
    });
  },
} as const satisfies Record<string, Action>;

/** Whoever has the client sends it more than the system takes, until its write timeout ends that. */
async function shell(world: World, client: RawClient): Promise<string> {
  const { clock } = world.time;
  const { chaos, connection } = holderOf(world, client) ?? {};
  if (chaos === undefined || connection === undefined) return 'lost';
  for (let round = 0; round < 100 && connection.state === 'open'; round++) {
    while (world.trySend(chaos, connection, { large: true }) === 'ok');
    const draining = world.watchdog.watch(chaos, 'drained', connection.drained());
    const drained = await Promise.race([draining, pause(clock, 20)]);
    if (drained === undefined) break;
  }
  const over = await cameTrue(clock, 1_500, () => connection.state !== 'open');
  return over ? 'given up on' : 'waited for';
}
