import type { Connection } from '@pea2pea/core';
import type { ChaosNode } from './chaos-node.js';
import type { ChaosMessage } from './message.js';
import { announce, comply, renegotiate } from './renegotiating.js';
import { abortingSignal, pause } from './time.js';
import type { World } from './world.js';

/** What a call of `next()` came to: it goes on, or there will be no more. */
type Pulled = 'more' | 'over';

/** Asks a connection for its messages until it has all: by calls and loops, with aborts, breaks and pauses. */
export async function pull(
  world: World,
  chaos: ChaosNode,
  connection: Connection<ChaosMessage>,
): Promise<void> {
  const { dice, ledger } = chaos;
  const { clock } = chaos.place;
  /** What comes next is not messages, and there is no way to read it. */
  let isLost = false;
  const take = (message: ChaosMessage): Promise<unknown> | undefined => {
    ledger.pulled(connection, message);
    if (message.kind !== 'plain') return obey(message);
    if (dice.chance(0.05)) world.trySend(chaos, connection);
    if (chaos.does('messageDisconnects')) void world.disconnect(chaos, connection);
    if (chaos.does('messageClosesNode')) void world.retire(chaos);
    if (dice.chance(0.02)) void announce(world, chaos, connection);
    if (!dice.chance(0.02)) return undefined;
    const renegotiating = renegotiate(world, chaos, connection);
    return dice.chance(0.5) ? renegotiating : undefined;
  };

  async function obey(message: ChaosMessage): Promise<void> {
    await comply(world, chaos, connection, message);
    // What its peer sent before its end can be asked for after it, and nobody can read a block any more.
    if (connection.state !== 'open') isLost = true;
  }

  async function ask(): Promise<Pulled> {
    const signal = dice.chance(0.4) ? abortingSignal(clock, dice) : undefined;
    const asked = connection.next(signal && { signal }).then(take);
    const { code } = await world.watchdog.track(chaos, 'next', asked);
    if (isLost) return 'over';
    return code === 'ok' || code === 'ABORTED' || code === 'ALREADY_PULLING' ? 'more' : 'over';
  }

  /** The second call is refused. Where the first had its message at once, there is none: that may say what comes after it. */
  function askTwice(): readonly Promise<Pulled>[] {
    const before = connection.stats.messagesReceived;
    const first = ask();
    return connection.stats.messagesReceived === before ? [first, ask()] : [first];
  }

  async function loop(): Promise<Pulled> {
    for await (const message of connection) {
      await take(message);
      if (isLost) return 'over';
      if (dice.chance(0.2)) await pause(clock, dice.integer(1, 30));
      if (dice.chance(0.1)) return 'more';
      if (dice.chance(0.05) && (await ask()) === 'over') return 'over';
      if (dice.chance(0.05)) await world.send(chaos, connection);
    }
    return 'over';
  }

  for (;;) {
    if (dice.chance(0.3)) await pause(clock, dice.integer(1, 60));
    if (chaos.does('pullForgets')) return;
    const isLoop = dice.chance(0.4);
    const asked = isLoop ? [loop()] : dice.chance(0.1) ? askTwice() : [ask()];
    const outcomes = await Promise.all(asked.map((one) => world.watchdog.track(chaos, 'next', one)));
    if (outcomes.some((outcome) => !outcome.ok || outcome.value === 'over')) break;
  }
  ledger.pulledAll(connection, isLost);
}
