import type { Clock } from '@pea2pea/core';
import type { Action } from './actions.js';
import type { ChaosNode } from './chaos-node.js';
import type { RawClient } from './raw-client.js';
import { greeted, holderOf } from './raw-peers.js';
import { talks } from './talk.js';
import { cameTrue, pause } from './time.js';

/** From here on a few messages that wait are never above the share of a connection. */
const ROOMY_BYTES = 32 * 1024;
/** Patience that a stall is longer than, and which is over soon enough. */
const QUICK_MS = 400;
/** Nothing is under way any more when nothing has come for so long. */
const SILENCE_MS = 5_000;
/** Longer than most connections live that nobody needs. */
const LIFETIME_MS = 3_000;
/** A timer of Node may come so much before its time. */
const EARLY_MS = 1;

/** Tells whether something has happened to the ways between the two since then: what is promised is promised to those who are there. */
function disturbance({ place }: ChaosNode, client: RawClient): () => boolean {
  const count = (): number => place.disturbances + client.place.disturbances;
  const before = count();
  return () => count() !== before;
}

/** Waits until the other side has ended, however long its last bytes take. */
async function heardTheRest(clock: Clock, client: RawClient): Promise<void> {
  for (let before = -1; !client.gone && client.heard > before;) {
    before = client.heard;
    await cameTrue(clock, SILENCE_MS, () => client.gone);
  }
}

/** What peers do that must be treated fairly, whatever goes on around them. */
export const FAIR_ACTIONS = {
  /** Says something all the time: whatever stands still meanwhile, nobody may be ended for silence that was none. */
  async steady(world, dice) {
    return greeted(world, dice, async (client) => {
      const { chaos, connection } = holderOf(world, client) ?? {};
      if (chaos === undefined || connection === undefined) return 'lost';
      const wasDisturbed = disturbance(chaos, client);
      const { idleTimeoutMs, maxBufferedBytes } = chaos.node.config;
      const isQuick = idleTimeoutMs > 0 && idleTimeoutMs <= QUICK_MS;
      if (!isQuick || maxBufferedBytes < ROOMY_BYTES) return 'not to be judged';
      const { clock } = world.time;
      /** When it spoke, and how many bytes it had said by then. */
      const said: { atMs: number; bytes: number }[] = [];
      let end = { atMs: 0, bytesReceived: 0 };
      connection.signal.addEventListener('abort', () => {
        end = { atMs: clock.now(), bytesReceived: connection.stats.bytesReceived };
      });
      for (let left = dice.integer(4, 16); left > 0 && !client.gone; left--) {
        client.say();
        said.push({ atMs: clock.now(), bytes: client.said });
        if (dice.chance(0.3)) chaos.place.stall(idleTimeoutMs + dice.integer(0, 50));
        await pause(clock, Math.floor(idleTimeoutMs / 4));
      }
      if (connection.state === 'open') return 'kept';
      const ended = await world.watchdog.watch(chaos, 'disconnect', connection.closed);
      const reason = ended.ok && ended.value;
      if (!reason || reason.origin !== 'reading' || reason.cause !== 'idle-timeout') return 'ended';
      const unheard = said.find(({ bytes }) => bytes > end.bytesReceived);
      if (unheard === undefined) return 'ended as idle';
      if (wasDisturbed() || !world.time.mustHaveArrived(unheard.atMs, end.atMs))
        return 'ended as idle, spoke too late';
      const what = `a peer was ended as idle at ${end.atMs}, and spoke at ${unheard.atMs}`;
      chaos.report('silence', what);
      return 'not heard';
    });
  },

  /** Reads what it is told before an end, and goes on talking: all of it must come. */
  async lastWords(world, dice) {
    return greeted(world, dice, async (client) => {
      const { chaos, connection } = holderOf(world, client) ?? {};
      if (chaos === undefined || connection === undefined) return 'lost';
      const wasDisturbed = disturbance(chaos, client);
      const { clock } = world.time;
      client.listen(false);
      client.endsWithTheOther();
      for (let left = dice.integer(0, 100); left > 0; left--) client.say();
      const large = dice.chance(0.5);
      for (let left = dice.integer(1, 10); left > 0; left--) world.trySend(chaos, connection, { large });
      if (dice.chance(0.5)) await pause(clock, dice.integer(1, 5));

      const startedMs = chaos.place.clock.now();
      const ending = world.disconnect(chaos, connection);
      await pause(clock, 1);
      client.listen(true);
      while (dice.chance(0.9) && !client.gone) {
        client.say();
        await pause(clock, 1);
      }
      const isOurs = await ending;
      const tookMs = chaos.place.clock.now() - startedMs;
      const { onDisconnectTimeoutMs } = chaos.node.config;
      const wasCut = tookMs >= onDisconnectTimeoutMs - EARLY_MS;
      const wasTaken = connection.context.get(talks)?.wasTaken === true;
      if (!isOurs || wasCut || wasTaken || chaos.retiring !== undefined) return 'not to be judged';
      await heardTheRest(clock, client);
      const { bytesSent } = connection.stats;
      if (client.heard !== bytesSent && !wasDisturbed()) {
        const what = `of ${bytesSent} bytes that were sent before an end ${client.heard} arrived`;
        const when = `it took ${tookMs} of ${onDisconnectTimeoutMs} ms`;
        chaos.report('content', `${what}; ${when}, and the peer ${client.state}`);
      }
      return bytesSent > 0 ? 'heard' : 'nothing was said';
    });
  },

  /** Says all it has to say, ends its half and listens: all must come that it is sent. */
  async sayAndListen(world, dice) {
    return greeted(world, dice, async (client) => {
      const { chaos, connection } = holderOf(world, client) ?? {};
      if (chaos === undefined || connection === undefined) return 'lost';
      const wasDisturbed = disturbance(chaos, client);
      const { clock } = world.time;
      client.listen(true);
      for (let left = dice.integer(0, 20); left > 0; left--) client.say();
      const work = dice.chance(0.5) ? connection.hold() : undefined;
      const large = dice.chance(0.3);
      client.endHalf();
      let startedMs = chaos.place.clock.now();
      connection.signal.addEventListener('abort', () => (startedMs = chaos.place.clock.now()));
      for (let left = dice.integer(0, 5); left > 0; left--) {
        world.trySend(chaos, connection, { large });
        if (dice.chance(0.3)) await pause(clock, dice.integer(1, 30));
      }
      work?.release();
      // Only whether: the timer would keep the error of the reason, which may be huge.
      const closed = connection.closed.then(
        (reason) => reason.origin === 'reading' && reason.cause === 'ended',
      );
      const isOrderly = await Promise.race([closed, pause(clock, LIFETIME_MS)]);
      if (isOrderly === undefined) return 'lives on';
      const wasCut =
        chaos.place.clock.now() - startedMs >= chaos.node.config.onDisconnectTimeoutMs - EARLY_MS;
      if (!isOrderly || wasCut || chaos.retiring !== undefined) return 'not to be judged';
      await heardTheRest(clock, client);
      const { bytesSent } = connection.stats;
      if (client.heard < bytesSent && !wasDisturbed()) {
        const what = `of ${bytesSent} bytes that were sent to a peer that listened ${client.heard} arrived`;
        chaos.report('content', `${what}, and the peer ${client.state}`);
      }
      return bytesSent > 0 ? 'heard' : 'nothing was said';
    });
  },

  /** Goes on talking after the end of the other side's half: it must be heard. */
  async talksOn(world, dice) {
    return greeted(world, dice, async (client) => {
      const { chaos, connection } = holderOf(world, client) ?? {};
      if (chaos === undefined || connection === undefined) return 'lost';
      const { clock } = world.time;
      client.listen(true);
      if (dice.chance(0.5)) world.trySend(chaos, connection, { large: true });
      const isOut = await world.end(chaos, connection);
      const before = connection.stats.bytesReceived;
      for (let left = dice.integer(1, 20); left > 0 && connection.state === 'open'; left--) {
        client.say();
        await pause(clock, dice.integer(1, 10));
      }
      client.endHalf();
      const isOver = await cameTrue(clock, LIFETIME_MS, () => connection.state === 'closed');
      if (isOut !== 'ok') return isOut;
      return !isOver ? 'lives on' : connection.stats.bytesReceived > before ? 'was heard' : 'ended before';
    });
  },
} as const satisfies Record<string, Action>;
