import { expect } from '@jest/globals';
import { defineEnd } from '../harness/end.js';
import { because, suite } from '../harness/suite.js';
import { NAMES } from './names.js';

/** Not the other side of ours, but a judge of it: ours is on both sides, through `adapter.mjs`. */
const compliance = defineEnd({
  name: 'stream-muxer-compliance',
  implementation: '@libp2p/interface-compliance-tests',
  language: 'Node',
  folder: 'stream-muxer',
  dependency: '@libp2p/interface-compliance-tests',
  fast: false,
});

const DIFFERENCES: Record<string, string> = {
  'close can close a stream for writing':
    'it expects two writes as two messages; a stream of bytes may bring both at once',
};

export const streamMuxer = suite('stream-muxer', [compliance], (test) => {
  for (const name of NAMES) {
    const reason = DIFFERENCES[name];
    const options = reason === undefined ? {} : { failsWith: because([compliance], reason) };
    test(
      name,
      async ({ start }) => {
        const end = await start();
        await end.run('run', { name: `interface-stream-muxer ${name}` }, 100_000);
      },
      { timeoutMs: 120_000, ...options },
    );
  }

  test('there are no other tests', async ({ start }) => {
    const end = await start();
    const { names } = await end.run('list');
    expect(names).toEqual(NAMES.map((name) => `interface-stream-muxer ${name}`));
  });
});
