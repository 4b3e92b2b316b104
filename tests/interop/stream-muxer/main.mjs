// Runs the compliance tests for stream muxers of @libp2p/interface-compliance-tests over our yamux, one by one. They want a
// few functions of mocha.
import tests from '@libp2p/interface-compliance-tests/stream-muxer';
import { serve } from '../lines/lines.mjs';
import { pea2peaYamux } from './adapter.mjs';

const TIMEOUT_MS = 60_000;

/** Full names, and what to do. */
const all = new Map();
let scope = { name: '', before: [], after: [] };

globalThis.describe = (name, define) => {
  const outer = scope;
  scope = {
    name: `${outer.name}${outer.name && ' '}${name}`,
    before: [...outer.before],
    after: [...outer.after],
  };
  define.call({ timeout: () => {} });
  scope = outer;
};
globalThis.beforeEach = (hook) => void scope.before.push(hook);
globalThis.afterEach = (hook) => void scope.after.unshift(hook);
globalThis.it = (name, run) => {
  const { before, after, name: group } = scope;
  all.set(`${group} ${name}`, async () => {
    for (const hook of before) await hook();
    try {
      await run.call({ timeout: () => {} });
    } finally {
      for (const hook of after) await hook();
    }
  });
};

tests({ setup: async () => pea2peaYamux(), teardown: async () => {} });

/** What a test left to itself. */
let unhandled;
process.on('unhandledRejection', (error) => (unhandled ??= error));

serve({
  list: () => ({ names: [...all.keys()] }),
  async run({ name }) {
    const late = new Promise((_resolve, reject) => {
      setTimeout(() => reject(new Error(`waited ${TIMEOUT_MS} ms`)), TIMEOUT_MS).unref();
    });
    await Promise.race([all.get(name)(), late]);
    if (unhandled !== undefined) throw unhandled;
  },
});
