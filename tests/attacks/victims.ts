import { afterEach } from '@jest/globals';
import type { Connection } from '@pea2pea/core';
import { Victim, type Scenario, type VictimOptions } from '../support/victim.js';

const victims: Victim[] = [];

afterEach(async () => {
  for (const victim of victims.splice(0)) await victim.close();
});

/** A victim that is closed after the test, and must end by itself then, without an error that nobody caught. */
export async function startVictim(options: VictimOptions): Promise<Victim> {
  const victim = await Victim.start(options);
  victims.push(victim);
  return victim;
}

/** A scenario: talks without end to whoever says `talk`, and answers `ping`. */
export function talker(): Scenario {
  const words = 'w'.repeat(16 * 1024);
  const talkTo = async (connection: Connection<unknown>): Promise<void> => {
    while (connection.state === 'open') {
      while (connection.trySend(words));
      await connection.drained().catch(() => {});
    }
  };
  return {
    hooks: {
      onMessage(message, connection) {
        if (message === 'talk') void talkTo(connection);
        else connection.trySend(message);
      },
    },
  };
}
