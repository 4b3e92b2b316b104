import type { Connection, SocketAddress } from '@pea2pea/core';
import type { ChaosNode } from './chaos-node.js';
import type { Dice } from './dice.js';
import type { ChaosMessage } from './message.js';
import { dialRaw, RawClient } from './raw-client.js';
import type { World } from './world.js';

/** Dials somebody as nobody's node, and lets go of the link after it. */
export async function withClient(
  world: World,
  dice: Dice,
  act: (client: RawClient) => Promise<string>,
): Promise<string> {
  const target = listeningOf(world, dice);
  if (target === undefined) return 'nobody';
  const place = world.ground.stranger(dice);
  if (place === undefined) return 'nobody';
  const link = await dialRaw(world, dice, place, target);
  if (link === undefined) return 'no link';
  try {
    return await act(new RawClient(world, dice, place, link));
  } finally {
    if (dice.chance(0.3)) link.reset();
    else link.stream.destroy();
  }
}

/** As {@link withClient}, behind the greeting. */
export async function greeted(
  world: World,
  dice: Dice,
  act: (client: RawClient) => Promise<string>,
): Promise<string> {
  return withClient(world, dice, async (client) => ((await client.greet()) ? act(client) : 'not greeted'));
}

/** Where somebody listens. */
export function listeningOf(world: World, dice: Dice): SocketAddress | string | undefined {
  const chaos = dice.pick(world.live.filter(({ node }) => node.address !== undefined));
  return chaos?.place.reach(chaos.node.address!, dice);
}

/** Who has the connection with `client`. */
export function holderOf(
  world: World,
  client: RawClient,
): { readonly chaos: ChaosNode; readonly connection: Connection<ChaosMessage> } | undefined {
  for (const chaos of world.live) {
    const connection = chaos.node.connections.get(client.address);
    if (connection !== undefined && !chaos.isGone) return { chaos, connection };
  }
  return undefined;
}
