import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { execPath } from 'node:process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import rpc from 'vscode-jsonrpc/node';
import { against, example, exchange, within } from './harness.mjs';

const quiet = { error() {}, warn() {}, info() {}, log() {} };
const URI = 'file:///notes.txt';

/** The connection of an editor. */
function editorOn(readable, writable) {
  const reader = new rpc.StreamMessageReader(readable);
  const editor = rpc.createMessageConnection(reader, new rpc.StreamMessageWriter(writable), quiet);
  editor.listen();
  return editor;
}

/** Resolves with the next diagnostics. */
function diagnostics(editor) {
  const next = new Promise((resolve) => {
    const listener = editor.onNotification('textDocument/publishDiagnostics', (params) => {
      listener.dispose();
      resolve(params);
    });
  });
  return within('diagnostics', next);
}

const place = (line, character, uri = URI) => ({ textDocument: { uri }, position: { line, character } });

describe(against('lsp', 'vscode-jsonrpc'), () => {
  const server = example('lsp');

  function editor(t) {
    const socket = connect(server.port, server.host);
    t.after(() => socket.destroy());
    return Object.assign(editorOn(socket, socket), { ended: once(socket, 'end') });
  }

  async function open(t, text) {
    const made = editor(t);
    await made.sendRequest('initialize', { processId: null, capabilities: {}, rootUri: null });
    await made.sendNotification('initialized', {});
    const checked = diagnostics(made);
    const textDocument = { uri: URI, languageId: 'plaintext', version: 1, text };
    await made.sendNotification('textDocument/didOpen', { textDocument });
    return { made, checked: await checked };
  }

  test('an open document is checked, so is what it becomes, and a closed one is forgotten', async (t) => {
    const { made, checked } = await open(t, 'first\nTODO: 𝒜 later TODO\n');
    assert.deepEqual(
      checked.diagnostics.map(({ range }) => [range.start.line, range.start.character, range.end.character]),
      [
        [1, 0, 4],
        [1, 15, 19],
      ],
    );
    let changed = diagnostics(made);
    const contentChanges = [{ text: 'TODO' }, { text: 'done' }];
    await made.sendNotification('textDocument/didChange', {
      textDocument: { uri: URI, version: 2 },
      contentChanges,
    });
    assert.deepEqual(await changed, { uri: URI, diagnostics: [] });
    changed = diagnostics(made);
    await made.sendNotification('textDocument/didClose', { textDocument: { uri: URI } });
    assert.deepEqual(await changed, { uri: URI, diagnostics: [] });
    assert.equal(await made.sendRequest('textDocument/hover', place(0, 0)), null);
  });

  test('a word is explained, and found wherever it stands', async (t) => {
    const { made } = await open(t, 'grüße an alle\nalle hören alle');
    const found = await made.sendRequest('textDocument/hover', place(0, 10));
    assert.deepEqual(found, { contents: { kind: 'plaintext', value: 'the word alle' } });
    const all = await made.sendRequest('textDocument/references', place(1, 2));
    assert.deepEqual(
      all.map(({ range }) => [range.start.line, range.start.character]),
      [
        [0, 9],
        [1, 0],
        [1, 11],
      ],
    );
  });

  test('a search that is cancelled ends with RequestCancelled', async (t) => {
    const { made } = await open(t, 'word');
    const text = 'word\n'.repeat(20_000);
    for (let count = 0; count < 20; count++) {
      const textDocument = { uri: `file:///${count}`, languageId: 'plaintext', version: 1, text };
      await made.sendNotification('textDocument/didOpen', { textDocument });
    }
    const source = new rpc.CancellationTokenSource();
    const search = made.sendRequest('textDocument/references', place(0, 0), source.token);
    source.cancel();
    await assert.rejects(search, { code: -32800 });
  });

  test('requests before initialize and after shutdown, params of the wrong form and unknown methods are refused', async (t) => {
    const made = editor(t);
    await assert.rejects(made.sendRequest('textDocument/hover', place(0, 0)), { code: -32002 });
    await made.sendRequest('initialize', { processId: null, capabilities: {}, rootUri: null });
    await assert.rejects(made.sendRequest('initialize', {}), { code: -32600 });
    await assert.rejects(made.sendRequest('textDocument/hover', { textDocument: 1 }), { code: -32602 });
    await assert.rejects(made.sendRequest('textDocument/rename', {}), { code: -32601 });
    assert.equal(await made.sendRequest('shutdown'), null);
    await assert.rejects(made.sendRequest('textDocument/hover', place(0, 0)), { code: -32600 });
    await made.sendNotification('exit');
    await within('the end', made.ended);
  });

  test('what is not JSON is a parse error, and the connection lives', async () => {
    const frame = (text) => `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
    const exit = frame('{"jsonrpc":"2.0","method":"exit"}');
    const received = String(await exchange(server, frame('{"jsonrpc') + exit));
    assert.match(received, /^Content-Length: \d+\r\n\r\n\{.*"code":-32700/);
  });

  test('the same over standard streams: exit ends the process, with 0 after shutdown and 1 without', async (t) => {
    const program = fileURLToPath(new URL('../../examples/dist/protocols/lsp.js', import.meta.url));
    for (const [polite, code] of [
      [true, 0],
      [false, 1],
    ]) {
      const child = spawn(execPath, [program, '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] });
      t.after(() => child.kill('SIGKILL'));
      const closed = once(child, 'close');
      const made = editorOn(child.stdout, child.stdin);
      const { serverInfo } = await made.sendRequest('initialize', { capabilities: {} });
      assert.equal(serverInfo.name, 'todo');
      if (polite) await made.sendRequest('shutdown');
      await made.sendNotification('exit');
      const [exitCode] = await within('the end of the process', closed);
      assert.equal(exitCode, code);
    }
  });

  test('it ends in order', async () => {
    assert.equal(await server.stop(), 0);
    assert.deepEqual(server.errors, []);
  });
});
