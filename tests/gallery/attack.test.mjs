import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { against } from './harness.mjs';
import { attackServer, SERVERS } from './servers/table.mjs';

const FAST = ['ends-inside', 'resets-inside', 'babbles', 'never-reads', 'crowds', 'floods', 'floods-empty'];

describe(against('the attack command', 'ws', '@nestjs/microservices'), { concurrency: true }, () => {
  for (const server of SERVERS) {
    test(`sees what becomes of ${server.name}`, async () => {
      const outcomes = await attackServer(server, { only: FAST, lastingMs: 400 });
      assert.deepEqual(
        outcomes.map(({ name }) => name),
        FAST,
      );
      // Of others it tells what it saw; ours hold.
      if (server.name.startsWith('our'))
        assert.deepEqual(
          outcomes.filter(({ verdict }) => verdict !== 'held'),
          [],
        );
    });
  }
});
