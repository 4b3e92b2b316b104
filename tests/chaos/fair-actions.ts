import type { Action } from './actions.js';
import { greeted, holderOf } from './raw-peers.js';
import { cameTrue, pause } from './time.js';

/** From here on a few messages that wait are never above the share of a connection. */
const ROOMY_BYTES = 32 * 1024;
/** Patience that a stall is longer than, and which is over soon enough. */
const QUICK_MS = 400;
/** Longer than any teardown may take. */
const TEARDOWN_MS = 1_500;

/** What peers do that must be treated fairly, whatever goes on around them. */
export const FAIR_ACTIONS = {
  /** Says something all the time: whatever stands still meanwhile, nobody may be ended for silence that was none. */
  async steady(world, dice) {
    return greeted(world, dice, async (client) => {
      const { chaos, connection } = holderOf(world, client) ?? {};
      if (chaos === undefined || connection === undefined) return 'lost';
      const { idleTimeoutMs, maxBufferedBytes } = chaos.node.config;
      const isQuick = idleTimeoutMs > 0 && idleTimeoutMs <= QUICK_MS;
      if (!isQuick || maxBufferedBytes < ROOMY_BYTES) return 'not to be judged';
      let end = '';
      void connection.closed.then((reason) => {
        end = 'cause' in reason ? reason.cause : reason.origin;
      });
      for (let left = dice.integer(4, 16); left > 0 && !client.gone; left--) {
        client.say();
        if (dice.chance(0.3)) world.time.stall(idleTimeoutMs + dice.integer(0, 50));
        await pause(world.time.clock, Math.floor(idleTimeoutMs / 4));
      }
      if (connection.state !== 'open') await cameTrue(world.time.clock, TEARDOWN_MS, () => end !== '');
      if (end === 'idle-timeout') {
        world.violations.report('silence', `${chaos.name}: a peer that spoke all the time was ended as idle`);
      }
      return end === '' ? 'kept' : 'ended';
    });
  },

  /** Reads what it is told before an end, and goes on talking: all of it must come. */
  async lastWords(world, dice) {
    return greeted(world, dice, async (client) => {
      const { chaos, connection } = holderOf(world, client) ?? {};
      if (chaos === undefined || connection === undefined) return 'lost';
      const { clock } = world.time;
      client.listen(false);
      client.endsWithTheOther();
      for (let left = dice.integer(0, 100); left > 0; left--) client.say();
      const large = dice.chance(0.5);
      for (let left = dice.integer(1, 10); left > 0; left--) world.trySend(chaos, connection, { large });
      if (dice.chance(0.5)) await pause(clock, dice.integer(1, 5));

      const startedMs = clock.now();
      const ending = world.disconnect(chaos, connection);
      await pause(clock, 1);
      client.listen(true);
      while (dice.chance(0.9) && !client.gone) {
        client.say();
        await pause(clock, 1);
      }
      const isOurs = await ending;
      const wasCut = clock.now() - startedMs >= chaos.node.config.onDisconnectTimeoutMs;
      if (!isOurs || wasCut || chaos.retiring !== undefined) return 'not to be judged';
      await cameTrue(clock, TEARDOWN_MS, () => client.gone);
      const { bytesSent } = connection.stats;
      if (client.heard !== bytesSent) {
        const what = `of ${bytesSent} bytes that were sent before an end ${client.heard} arrived`;
        world.violations.report('content', `${chaos.name}: ${what}`);
      }
      return bytesSent > 0 ? 'heard' : 'nothing was said';
    });
  },
} as const satisfies Record<string, Action>;
