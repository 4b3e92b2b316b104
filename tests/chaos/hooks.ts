import type { Connection, Handshake, Hooks } from '@pea2pea/core';
import type { ChaosNode } from './chaos-node.js';
import { formatGreeting, MAX_GREETING, parseGreeting, putMaskOn } from './greeting.js';
import type { ChaosMessage } from './message.js';
import { oddThenable } from './odd-thenables.js';
import { streamLogs } from './stream-log.js';
import { pull } from './pulling.js';
import { keepDetached } from './handing-over.js';
import { announce, comply, renegotiate } from './renegotiating.js';
import { Talk, talks } from './talk.js';
import { pause } from './time.js';
import type { World } from './world.js';

const never = (): Promise<never> => new Promise(() => {});

/** The hooks of one node: each writes down what it saw, looks at the limits, and then may misbehave. */
export function chaosHooks(world: World, chaos: ChaosNode): Hooks<ChaosMessage> {
  const { dice, ledger, setups } = chaos;
  const dawdle = (): Promise<void> => pause(chaos.place.clock, dice.integer(1, 80));
  const id = (connection: Connection<ChaosMessage>): string => world.idOf(connection.id);

  async function greet(handshake: Handshake): Promise<void> {
    const { serial, log } = world.exchange.announce(chaos.name, !chaos.drops);
    const outbound = handshake.direction === 'outbound';
    const masked = outbound && dice.chance(0.2);
    const greeting = formatGreeting({ name: chaos.name, serial, masked });
    const speaksFirst = outbound || dice.chance(0.5);
    if (speaksFirst) void handshake.write(greeting);
    const line = await handshake.readUntil('\n', MAX_GREETING);
    if (!speaksFirst) await handshake.write(greeting);
    const peer = parseGreeting(line);
    if (peer === undefined) return handshake.reject('this is no greeting');
    const peerLog = world.exchange.claim(peer.serial);
    if (peerLog?.from !== peer.name) {
      chaos.report('content', `the greeting of ${peer.name} came over a wrong connection`);
      return handshake.reject('a stolen greeting');
    }
    handshake.context.set(streamLogs, { own: log, peer: peerLog });
    const breach = (what: string): void => chaos.report('content', what);
    handshake.context.set(talks, new Talk(breach, line.length + 1));
    if (masked || (!outbound && peer.masked)) await putMaskOn(handshake, dice, chaos.place.clock);
  }

  return {
    onAccept({ address, signal }) {
      setups.inbound++;
      chaos.tap.admitted(address);
      setups.began({ address, signal, direction: 'inbound' });
      world.checkLimits(chaos);
      if (chaos.does('acceptRefuses')) return false;
      if (chaos.does('acceptThrows')) chaos.throw('onAccept throws');
      if (chaos.does('acceptHangs')) return never();
      if (chaos.does('acceptDawdles')) return dawdle().then(() => true);
      return undefined;
    },

    async onHandshake(handshake) {
      setups.began(handshake, handshake.context);
      world.checkLimits(chaos);
      if (chaos.does('handshakeThrows')) chaos.throw('onHandshake throws');
      if (chaos.does('handshakeRejects')) handshake.reject('out of spite');
      if (chaos.does('handshakeHangs')) await never();
      if (chaos.does('handshakeDawdles')) await dawdle();
      if (chaos.does('handshakeLies')) void handshake.write('CHAOS/9 somebody else\n');
      await greet(handshake);
      if (chaos.does('handshakeDestroysStream')) handshake.takeStream().destroy();
      if (chaos.does('handshakeDetaches')) {
        const detached = handshake.detach();
        chaos.handedOver++;
        await keepDetached(world, chaos, handshake, detached, handshake.context.get(streamLogs));
      }
    },

    onConnect(connection) {
      setups.succeeded(connection);
      ledger.connected(connection);
      world.checkLimits(chaos);
      world.trace.note(chaos.name, `open ${id(connection)} ${connection.direction}`);
      if (dice.chance(0.3)) world.trySend(chaos, connection);
      if (dice.chance(0.08)) void renegotiate(world, chaos, connection);
      if (chaos.pulls) void pull(world, chaos, connection);
      if (chaos.does('connectDisconnects')) void world.disconnect(chaos, connection);
      if (chaos.does('connectThrows')) chaos.throw('onConnect throws');
      if (chaos.does('connectRejects')) return dawdle().then(() => chaos.throw('onConnect rejects'));
      if (chaos.does('connectHangs')) return never();
      return undefined;
    },

    ...(chaos.pulls ? undefined : { onMessage }),

    async onPeerEnd(connection) {
      ledger.peerEnded(connection);
      world.trace.note(chaos.name, `half ${id(connection)}`);
      if (dice.chance(0.3)) world.trySend(chaos, connection);
      if (chaos.does('peerEndThrows')) chaos.throw('onPeerEnd throws');
      if (chaos.does('peerEndDawdles')) await dawdle();
      if (chaos.does('peerEndRejects')) chaos.throw('onPeerEnd rejects');
      if (chaos.does('peerEndHangs')) await never();
      if (dice.chance(0.3)) await world.send(chaos, connection);
      if (chaos.node.config.halfOpen && !chaos.does('neverEnds')) void endLater(connection);
    },

    async onDisconnect(connection, reason) {
      ledger.disconnected(connection, reason);
      world.checkLimits(chaos);
      const cause = 'cause' in reason ? `${reason.origin}: ${reason.cause}` : reason.origin;
      world.trace.note(chaos.name, `end ${id(connection)} ${cause}`);
      if (dice.chance(0.3)) world.trySend(chaos, connection); // last words
      if (chaos.does('disconnectTalks')) while (world.trySend(chaos, connection, { large: true }) === 'ok');
      if (chaos.does('disconnectThrows')) chaos.throw('onDisconnect throws');
      if (chaos.does('disconnectDawdles')) await dawdle();
      if (chaos.does('disconnectHangs')) await never();
      if (dice.chance(0.1)) await world.send(chaos, connection);
    },

    onError() {
      if (chaos.does('errorThrows')) throw new Error('onError throws');
      return chaos.does('errorKeeps') ? 'keep' : undefined;
    },
  };

  function onMessage(message: ChaosMessage, connection: Connection<ChaosMessage>): Promise<void> | undefined {
    ledger.messageBegan(connection, message);
    const isPlain = message.kind === 'plain';
    const answer = isPlain ? handle(connection) : comply(world, chaos, connection, message);
    if (answer === undefined) ledger.messageEnded(connection);
    else if (answer instanceof Promise) answer.finally(() => ledger.messageEnded(connection)).catch(() => {});
    return answer;
  }

  /** What is open on one side only is for a while. */
  async function endLater(connection: Connection<ChaosMessage>): Promise<void> {
    for (let left = dice.integer(0, 3); left > 0; left--) {
      await dawdle();
      world.trySend(chaos, connection);
    }
    if (dice.chance(0.8)) await world.end(chaos, connection);
    else await world.disconnect(chaos, connection);
  }

  function handle(connection: Connection<ChaosMessage>): Promise<void> | undefined {
    if (dice.chance(0.05)) world.trySend(chaos, connection);
    if (dice.chance(0.02)) void announce(world, chaos, connection);
    if (dice.chance(0.02)) {
      const renegotiating = renegotiate(world, chaos, connection);
      if (dice.chance(0.5)) return renegotiating.then(() => {});
    }
    if (chaos.does('messageDisconnects')) void world.disconnect(chaos, connection);
    if (chaos.does('messageStalls')) chaos.place.stall(dice.integer(1, 60));
    if (chaos.does('messageClosesNode')) void world.retire(chaos);
    if (chaos.does('messageThrows')) {
      // What follows is not run: the ledger must know that the handler has ended.
      ledger.messageEnded(connection);
      chaos.throw('onMessage throws');
    }
    if (chaos.does('messageRejects')) return dawdle().then(() => chaos.throw('onMessage rejects'));
    if (chaos.does('messageThenable')) {
      return oddThenable(dice, {
        clock: chaos.place.clock,
        settled: () => ledger.messageEnded(connection),
        throw: (what) => chaos.throw(what),
      });
    }
    if (chaos.does('messageHangs')) return never();
    if (chaos.does('messageDawdles')) return dawdle();
    return undefined;
  }
}
