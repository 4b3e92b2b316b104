// JSON-RPC over TCP on the loopback, for tests/interop/rpc.
//
//   node main.mjs vscode-jsonrpc | jayson4 | jayson5 | json-rpc-2.0
//
// The commands are in tests/interop/rpc/rpc-end.ts. An implementation has `listen` and `dial`; what `dial` returns has
// `call`, `notify`, `batch`, and `cancel` where it knows that.
import { say, serve } from '../lines/lines.mjs';
import * as jayson4 from './jayson4.mjs';
import * as jayson5 from './jayson5.mjs';
import * as jsonRpc from './json-rpc-2.0.mjs';
import * as vscode from './vscode-jsonrpc.mjs';

const implementation = { 'vscode-jsonrpc': vscode, jayson4, jayson5, 'json-rpc-2.0': jsonRpc }[
  process.argv[2]
];
let client;

/** The methods that every end serves. */
const methods = {
  add: (a, b) => a + b,
  fail() {
    throw { code: 7, message: 'as it was told', data: { why: 'so' } };
  },
  nothing: () => null,
  note: (text) => say('note', { text }),
};

/** Resolves with the result, or with what the error says. */
async function outcome(call) {
  try {
    return { result: await call };
  } catch (error) {
    return { error: { code: error?.code ?? null, message: String(error?.message ?? error) } };
  }
}

serve({
  listen: async () => ({ port: await implementation.listen(methods) }),
  async dial({ port }) {
    client = await implementation.dial(port, methods);
  },
  call: ({ method, params, key }) => outcome(client.call(method, params, key)),
  calls: async ({ method, list }) => ({
    outcomes: await Promise.all(list.map((params) => outcome(client.call(method, params)))),
  }),
  notify: async ({ method, params }) => void (await client.notify(method, params)),
  batch: async ({ calls, notifications }) => ({ responses: await client.batch(calls, notifications) }),
  cancel: async ({ key }) => void client.cancel(key),
});
