import { describe, expect, it } from '@jest/globals';
import type { Hooks } from '@pea2pea/core';
import { bans, rateLimit } from '@pea2pea/policies';
import { checkPlugin, describePlugin, seededRandom } from '@pea2pea/testing';

const runner = { describe, it };

describePlugin('hooks that do nothing', () => ({}), { runner });
describePlugin('rateLimit', () => rateLimit(), { runner });
describePlugin('bans', () => bans(), { runner });

describe('the kit finds a plugin', () => {
  const factsOf = async (make: () => Hooks<string>): Promise<readonly string[]> =>
    (await checkPlugin(make)).map(({ fact }) => fact);

  it('that throws a fault of its own when a peer goes', async () => {
    const throwing = (): Hooks<string> => ({
      onDisconnect: (_connection, { origin }) => {
        if (origin === 'reading') throw new TypeError('I did not expect that');
      },
    });
    expect(await factsOf(throwing)).toContain('strangers');
  });

  it('that lets in nobody', async () => {
    expect(await factsOf(() => ({ onAccept: () => false }))).toEqual(['serves', 'strangers', 'standstill']);
  });

  it('that is on edge: it lets in a peer now and then', async () => {
    const random = seededRandom(1);
    expect(await factsOf(() => ({ onAccept: () => random.next() < 0.7 }))).toContain('strangers');
  });
});
