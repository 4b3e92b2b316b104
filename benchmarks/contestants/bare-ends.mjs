// Ends of connections on `node:net` alone, with the socket options that ours sets. Answers what it is sent.
import { createConnection, createServer } from 'node:net';
import { once } from 'node:events';

const HOST = '127.0.0.1';
const SOCKET = { noDelay: true, keepAlive: true };
const BACKLOG = 2048;

export async function listen(onOpen, onEnd) {
  const server = createServer(SOCKET, (socket) => {
    hold(socket);
    socket.once('close', onEnd);
    onOpen();
  });
  server.listen({ port: 0, host: HOST, backlog: BACKLOG });
  await once(server, 'listening');
  return server.address().port;
}

export async function dial(port) {
  hold(await connected(port));
}

export async function startNode() {
  const server = createServer(SOCKET, hold);
  server.listen(0, HOST);
  await once(server, 'listening');
  return () => new Promise((resolve) => server.close(resolve));
}

export function lane(port) {
  return async () => {
    const socket = await connected(port);
    socket.destroy();
    await once(socket, 'close');
  };
}

async function connected(port) {
  const socket = createConnection({ host: HOST, port, ...SOCKET });
  await once(socket, 'connect');
  return socket;
}

function hold(socket) {
  socket.on('data', socketOnData);
  socket.on('error', socketOnError);
}

function socketOnData(chunk) {
  this.write(chunk);
}

function socketOnError() {}
