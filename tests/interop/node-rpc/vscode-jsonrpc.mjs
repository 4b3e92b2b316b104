import { connect, createServer } from 'node:net';
import rpc from 'vscode-jsonrpc/node';
import { say } from '../lines/lines.mjs';

const { CancellationTokenSource, createMessageConnection, ProgressType, ResponseError } = rpc;
const quiet = { error: (text) => process.stderr.write(`${text}\n`), warn() {}, info() {}, log() {} };

/** Ends of vscode-jsonrpc are the same on both sides. */
function connection(socket, methods) {
  socket.on('error', () => {});
  const { StreamMessageReader, StreamMessageWriter } = rpc;
  const made = createMessageConnection(
    new StreamMessageReader(socket),
    new StreamMessageWriter(socket),
    quiet,
  );
  for (const [name, method] of Object.entries(methods)) {
    made.onRequest(name, (...args) => {
      try {
        return method(...args);
      } catch ({ code, message, data }) {
        throw new ResponseError(code, message, data);
      }
    });
  }
  made.onNotification('note', methods.note);
  made.onRequest('wait', (...args) => {
    const token = args.at(-1);
    say('waiting');
    return new Promise((resolve, reject) =>
      token.onCancellationRequested(() => {
        say('cancelled');
        reject(new ResponseError(-32800, 'gave up'));
      }),
    );
  });
  made.onRequest('steps', ({ count, workDoneToken }) => {
    for (let step = 1; step <= count; step++)
      void made.sendProgress(new ProgressType(), workDoneToken, { step });
    return 'done';
  });
  made.listen();
  return made;
}

export function listen(methods) {
  return new Promise((resolve) => {
    const server = createServer((socket) => connection(socket, methods));
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

export async function dial(port, methods) {
  const socket = connect(port, '127.0.0.1');
  const made = connection(socket, methods);
  const tokens = new Map();
  return {
    call(method, params, key) {
      const source = new CancellationTokenSource();
      if (key !== undefined) tokens.set(key, source);
      if (method === 'steps') {
        made.onProgress(new ProgressType(), params[0].workDoneToken, (value) => say('progress', { value }));
      }
      return made.sendRequest(method, ...params, source.token);
    },
    notify: (method, params) => made.sendNotification(method, ...params),
    cancel: (key) => tokens.get(key).cancel(),
  };
}
