// Round trips and chains on `node:net`, with four bytes of length before a message, by hand.
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';

const HOST = '127.0.0.1';
const HEAD = 4;

export function listen() {
  return serve((payload, socket) => send(socket, payload));
}

export async function connect(port) {
  const socket = await dial(port);
  let answered;
  receive(socket, () => answered());
  return (payload, callback) => {
    answered = callback;
    send(socket, payload);
  };
}

export async function chain(count) {
  let arrived;
  const sockets = [];
  const ports = [];
  for (let index = 0; index < count; index++) {
    const isLast = index === count - 1;
    ports.push(await serve(isLast ? () => arrived() : (payload) => send(sockets[index], payload)));
  }
  for (let index = 0; index < count - 1; index++) sockets.push(await dial(ports[index + 1]));
  return (payload, callback) => {
    arrived = callback;
    send(sockets[0], payload);
  };
}

async function serve(onMessage) {
  const server = createServer({ noDelay: true }, (socket) => receive(socket, onMessage));
  server.listen(0, HOST);
  await once(server, 'listening');
  return server.address().port;
}

async function dial(port) {
  const socket = createConnection({ host: HOST, port, noDelay: true });
  await once(socket, 'connect');
  return socket;
}

function send(socket, payload) {
  const frame = Buffer.allocUnsafe(HEAD + payload.length);
  frame.writeUInt32BE(payload.length);
  frame.set(payload, HEAD);
  socket.write(frame);
}

function receive(socket, onMessage) {
  let rest;
  socket.on('data', (chunk) => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + HEAD <= bytes.length) {
      const end = at + HEAD + bytes.readUInt32BE(at);
      if (end > bytes.length) break;
      onMessage(bytes.subarray(at + HEAD, end), socket);
      at = end;
    }
    rest = at < bytes.length ? bytes.subarray(at) : undefined;
  });
}
