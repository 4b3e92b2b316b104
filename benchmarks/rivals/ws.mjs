// WebSockets by `ws`: binary messages, no compression, masked by its native addon `bufferutil`, as its README recommends.
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';

/** What `ws` may hold for the socket before we wait. */
const BUFFERED = 1024 * 1024;

export async function listen(count) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  server.on('connection', (socket) => socket.on('message', (message) => count(message)));
  await once(server, 'listening');
  return server.address().port;
}

export async function connect(port) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
  await once(socket, 'open');
  return async (payload, messages) => {
    for (let left = messages; left > 0; left--) {
      // Without a callback there is nothing to wait for, so the one that fills the buffer has one.
      if (socket.bufferedAmount < BUFFERED) socket.send(payload);
      else await new Promise((resolve) => socket.send(payload, resolve));
    }
  };
}
