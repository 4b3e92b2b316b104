import { describe, expect, it } from '@jest/globals';
import type { Heuristics } from '@pea2pea/core';
import { frame, intrude, thrownOut } from '../support/attacker.js';
import type { Scenario, ScenarioKit } from '../support/victim.js';
import { tell } from './figures.js';
import { startVictim } from './victims.js';

const HOOKS = ['onAccept', 'onHandshake', 'onConnect', 'onMessage', 'onDisconnect', 'onError'] as const;
type HookName = (typeof HOOKS)[number];

/** What a peer sends: a handler that does `if (message.error) throw message.error` throws it. */
const SENT = { error: { toString: 0, valueOf: 0, then: 0, message: { secret: 1 } } };
/** How many hostile values the victim knows, the one that a peer sends included. */
const VALUES = 8;
/** Rounds over all of them: more than `maxConnectionsPerIp` lets be held at once. */
const ROUNDS = 3;

/** Throws a hostile value from one hook, another one for each connection; first the one that a peer sent, if any. */
function thrower({ args, figures }: ScenarioKit): Scenario {
  const hookName = args as HookName;
  const throwing = (): never => {
    throw new Error('a trap');
  };
  const revoked = (): object => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  };
  const looping = new Error('round');
  looping.cause = looping;
  const values: readonly (() => unknown)[] = [
    () => JSON.parse('{"toString":0,"valueOf":0,"then":0,"message":{}}') as unknown,
    () => Object.create(null) as unknown,
    () => Object.defineProperties(new Error(), { stack: { get: throwing }, message: { get: throwing } }),
    () => new Proxy(new Error('behind a proxy'), { get: throwing, has: throwing, ownKeys: throwing }),
    revoked,
    () => looping,
    () => 'x'.repeat(64 * 1024 * 1024),
    () => undefined,
  ];
  let next = 0;
  figures['thrown'] = 0;
  const misbehave = (name: HookName, sent?: unknown): void => {
    if (name !== hookName) return;
    const value = values[next++ % values.length]!();
    figures['thrown']!++;
    throw sent ?? value;
  };
  return {
    hooks: {
      onAccept: () => misbehave('onAccept'),
      onHandshake: () => misbehave('onHandshake'),
      onConnect: () => misbehave('onConnect'),
      async onMessage(message, connection) {
        if (message === 'ping') {
          connection.trySend(message);
          return;
        }
        if (next % 2 === 0) await Promise.resolve(); // from then on it is a promise that rejects
        misbehave(
          'onMessage',
          next % values.length === 0 ? (message as { error: unknown }).error : undefined,
        );
        if (hookName === 'onError') throw new Error('for onError to hear of');
        if (hookName === 'onDisconnect') void connection.disconnect();
      },
      onDisconnect: () => misbehave('onDisconnect'),
      onError: () => void misbehave('onError'),
    },
  };
}

function accountedFor(h: Heuristics): number {
  return h.refusedByHook + h.refusedByLimit + h.handshakeFailures + h.handshakeTimeouts + h.openedInbound;
}

describe('a value that hurts who looks at it', () => {
  it.each(HOOKS)(
    'thrown by %s ends no process, holds no slot, and is counted',
    async (hook) => {
      const peers = VALUES * ROUNDS;
      // It logs as a node does by default: what is printed is part of what could hurt.
      const victim = await startVictim({
        codec: 'json',
        logs: true,
        args: hook,
        scenario: thrower,
        config: { maxConnections: 12, maxInbound: 12, maxConnectionsPerIp: 10 },
      });
      let came = 0;
      for (let peer = 0; peer < peers; peer++) {
        const socket = await intrude(victim.address);
        if (socket === undefined) continue;
        came++;
        socket.write(frame(JSON.stringify(SENT)));
        await thrownOut(socket);
        // One by one: its slot is free before the next comes.
        await victim.until(
          'its slot is free',
          ({ connections, connecting }) => connections + connecting === 0,
        );
      }
      const { heuristics, figures } = await victim.report();
      tell(`hostile values thrown by ${hook}`, {
        peers: came,
        thrown: figures['thrown']!,
        'hook errors': heuristics.hookErrors,
        'setups failed': heuristics.handshakeFailures + heuristics.refusedByHook,
        opened: heuristics.openedInbound,
        closed: heuristics.closed,
      });
      expect(came).toBe(peers);
      expect(figures['thrown']).toBe(peers);
      // What `onError` throws comes on top of what it was told of, which was counted.
      expect(heuristics.hookErrors).toBe(peers);
      expect(accountedFor(heuristics)).toBe(peers);
      expect(heuristics.closed).toBe(heuristics.openedInbound);
    },
    60_000,
  );
});
