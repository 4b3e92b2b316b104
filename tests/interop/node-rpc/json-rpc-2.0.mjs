import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { JSONRPCClient, JSONRPCErrorException, JSONRPCServer, JSONRPCServerAndClient } from 'json-rpc-2.0';

/** The implementation has no transport: here it is one JSON value a line. */
function overLines(socket, methods) {
  socket.on('error', () => {});
  const send = async (payload) => void socket.write(`${JSON.stringify(payload)}\n`);
  const both = new JSONRPCServerAndClient(new JSONRPCServer({ errorListener() {} }), new JSONRPCClient(send));
  for (const [name, method] of Object.entries(methods)) {
    both.addMethod(name, (params) => {
      try {
        return method(...(params ?? [])) ?? null;
      } catch ({ code, message, data }) {
        throw new JSONRPCErrorException(message, code, data);
      }
    });
  }
  createInterface({ input: socket }).on('line', (line) => void both.receiveAndSend(JSON.parse(line)));
  return both;
}

export function listen(methods) {
  return new Promise((resolve) => {
    const server = createServer((socket) => overLines(socket, methods));
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

export async function dial(port, methods) {
  const both = overLines(connect(port, '127.0.0.1'), methods);
  return {
    call: (method, params) => both.request(method, params),
    notify: async (method, params) => both.notify(method, params),
    batch: (calls, notifications) =>
      both.requestAdvanced([
        ...calls.map((call, index) => ({ jsonrpc: '2.0', id: `b${index}`, ...call })),
        ...notifications.map((call) => ({ jsonrpc: '2.0', ...call })),
      ]),
  };
}
