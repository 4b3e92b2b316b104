import type { Connection, ConnectOptions, SocketAddress } from '@pea2pea/core';
import type { ChaosNode } from './chaos-node.js';
import type { Dice } from './dice.js';
import type { ChaosMessage } from './message.js';
import { dialRaw } from './raw-client.js';
import { abortingSignal, pause } from './time.js';
import type { World } from './world.js';

/** One roll of a worker's dice; answers how it went, in a word. */
export type Action = (world: World, dice: Dice) => Promise<string>;

export const MAX_NODES = 32;
const NOBODY = 'nobody';

/** What users of the library do. */
export const ACTIONS = {
  async spawn(world, dice) {
    if (world.live.length >= MAX_NODES) return 'full';
    const place = world.ground.place(dice);
    if (place === undefined) return NOBODY;
    const chaos = world.spawn(place);
    if (dice.chance(0.1)) return 'idle';
    const code = await world.listen(chaos, dice.chance(0.1) ? '0.0.0.0' : place.host, 0);
    return code === 'ok' ? `${chaos.name}` : code;
  },

  async close(world, dice) {
    // A handful stays: chaos needs company.
    if (world.live.length < 6) return NOBODY;
    const chaos = oneOf(world, dice);
    if (chaos === undefined) return NOBODY;
    return world.retire(chaos, dice.chance(0.3) ? dice.integer(1, 400) : undefined);
  },

  async connect(world, dice) {
    const chaos = oneOf(world, dice);
    if (chaos === undefined) return NOBODY;
    const target = dice.chance(0.01) ? 'nonsense' : targetOf(world, dice);
    return target === undefined ? NOBODY : connectTo(world, dice, chaos, target);
  },

  /** Everybody dials one node, in one turn. */
  async stampede(world, dice) {
    const target = targetOf(world, dice);
    if (target === undefined) return NOBODY;
    const dials = world.awake.map((chaos) => world.dial(chaos, 'transport', target, {}));
    const codes = await Promise.all(dials);
    return `${codes.filter(({ ok }) => ok).length > 0 ? 'some' : 'nobody got in'}`;
  },

  async connectOverStream(world, dice) {
    const chaos = oneOf(world, dice);
    const target = targetOf(world, dice);
    if (chaos === undefined || target === undefined) return NOBODY;
    const link = await dialRaw(world, dice, chaos.place, target);
    if (link === undefined) return 'no link';
    const { code } = await world.dial(chaos, 'stream', target, { stream: link.stream });
    return code;
  },

  async disconnect(world, dice) {
    const [chaos, connection] = connectionOf(world, dice);
    if (connection === undefined) return NOBODY;
    if (dice.chance(0.7)) return String(await world.disconnect(chaos, connection));
    const wasOpen = connection.state === 'open';
    // An address may have parallel connections: the second call is for all of them.
    const others = chaos.node.connections.all(connection.address).filter((one) => one !== connection);
    const othersOpen = others.some(({ state }) => state === 'open');
    for (const { id } of [connection, ...others]) chaos.asked.add(id);
    const both = [chaos.node.disconnect(connection), chaos.node.disconnect(connection.address)];
    const outcomes = await Promise.all(both.map((one) => world.watchdog.watch(chaos, 'disconnect', one)));
    const yes = outcomes.filter((outcome) => outcome.ok && outcome.value).length;
    if (yes !== Number(wasOpen) + Number(othersOpen)) {
      chaos.report('contract', `${yes} of two disconnects at once answered true`);
    }
    return 'twice';
  },

  async flap(world, dice) {
    const chaos = oneOf(world, dice);
    if (chaos === undefined) return NOBODY;
    await world.watchdog.watch(chaos, 'stopListening', chaos.node.stopListening());
    if (dice.chance(0.5)) await pause(world.time.clock, dice.integer(1, 40));
    const port = dice.chance(0.7) ? (chaos.lastAddress?.port ?? 0) : 0;
    return world.listen(chaos, chaos.place.host, port);
  },

  async broadcast(world, dice) {
    const chaos = oneOf(world, dice);
    if (chaos === undefined) return NOBODY;
    const connections = chaos.connections();
    const except = dice.chance(0.3) ? dice.pick(connections) : undefined;
    const message = chaos.message({ poisoned: dice.chance(0.05) });
    const before = chaos.queued;
    try {
      const answer = chaos.offer(message, connections, () =>
        chaos.node.broadcast(message, except && { except }),
      );
      if (answer !== chaos.queued - before) {
        chaos.report('contract', `broadcast answered ${answer}, the queues say otherwise`);
      }
      return answer === 0 ? 'nobody' : 'ok';
    } catch (error) {
      return world.watchdog.code(chaos, 'broadcast', error);
    }
  },

  async send(world, dice) {
    const [chaos, connection] = connectionOf(world, dice);
    if (connection === undefined) return NOBODY;
    return world.send(chaos, connection, { poisoned: dice.chance(0.03) });
  },

  async sendAndForget(world, dice) {
    const [chaos, connection] = connectionOf(world, dice);
    if (connection === undefined) return NOBODY;
    // Nobody awaits it: not even a rejection may be noticed by the process.
    const message = chaos.message({ poisoned: dice.chance(0.05) });
    void chaos.offer(message, [connection], () => connection.send(message));
    return 'ok';
  },

  async sendWithSignal(world, dice) {
    const [chaos, connection] = connectionOf(world, dice);
    if (connection === undefined) return NOBODY;
    return world.send(chaos, connection, { signal: abortingSignal(world.time.clock, dice) });
  },

  async trySend(world, dice) {
    const [chaos, connection] = connectionOf(world, dice);
    return connection === undefined
      ? NOBODY
      : world.trySend(chaos, connection, { poisoned: dice.chance(0.03) });
  },

  /** Ends a half. Nothing may be queued from then on. */
  async end(world, dice) {
    const [chaos, connection] = connectionOf(world, dice);
    if (connection === undefined) return NOBODY;
    if (dice.chance(0.5)) void world.send(chaos, connection);
    const ending = world.end(chaos, connection);
    if (dice.chance(0.3)) void world.trySend(chaos, connection);
    if (dice.chance(0.3)) void world.send(chaos, connection);
    if (dice.chance(0.1)) void world.disconnect(chaos, connection);
    return ending;
  },

  /** Work that the peer waits for, and its result. */
  async hold(world, dice) {
    const [chaos, connection] = connectionOf(world, dice);
    if (connection === undefined) return NOBODY;
    const work = connection.hold();
    await pause(world.time.clock, dice.integer(1, 200));
    const outcome = connection.state === 'open' ? world.trySend(chaos, connection) : connection.state;
    work.release();
    if (dice.chance(0.2)) work.release();
    return outcome;
  },

  /** As much as fits, then what waits for room. */
  async cannon(world, dice) {
    const [chaos, connection] = connectionOf(world, dice);
    if (connection === undefined) return NOBODY;
    for (let shot = 0; shot < 200; shot++) {
      if (world.trySend(chaos, connection) !== 'ok') break;
    }
    const { code } = await world.watchdog.watch(chaos, 'drained', connection.drained());
    return code;
  },
} as const satisfies Record<string, Action>;

async function connectTo(
  world: World,
  dice: Dice,
  chaos: ChaosNode,
  target: SocketAddress | string,
): Promise<string> {
  const options: ConnectOptions = {
    ...(dice.chance(0.15) && { signal: abortingSignal(world.time.clock, dice) }),
    ...(dice.chance(0.1) && { timeoutMs: dice.integer(1, 20) }),
    ...(dice.chance(0.2) && { parallel: true }),
    ...(dice.chance(0.3) && optional('localAddress', chaos.place.localAddress(dice))),
    ...(dice.chance(0.1) && optional('localPort', chaos.place.localPort(dice))),
  };
  const outcome = await world.dial(chaos, 'transport', target, options);
  if (outcome.ok && outcome.value.state === 'open') {
    if (!chaos.node.connections.all(outcome.value.address).includes(outcome.value)) {
      chaos.report('contract', `a new connection is not in the table`);
    }
  }
  return outcome.code;
}

/** Where somebody listens; now and then where nobody does any more, or where the one who dials does. */
function targetOf(world: World, dice: Dice): SocketAddress | string | undefined {
  const chaos = dice.pick(world.live);
  const address = chaos?.lastAddress;
  return address && chaos?.place.reach(address, dice);
}

function optional<K extends string, T>(name: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, T>);
}

/** A random node that can be asked for something. */
function oneOf(world: World, dice: Dice): ChaosNode | undefined {
  return dice.pick(world.awake);
}

/** A random connection of a random node that has one. */
export function connectionOf(
  world: World,
  dice: Dice,
): [ChaosNode, Connection<ChaosMessage>] | [undefined, undefined] {
  const chaos = dice.pick(world.awake.filter(({ node }) => node.connections.size > 0));
  const connection = dice.pick(chaos?.connections() ?? []);
  return chaos === undefined || connection === undefined ? [undefined, undefined] : [chaos, connection];
}
