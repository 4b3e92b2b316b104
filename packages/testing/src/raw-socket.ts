import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { SocketAddress } from '@pea2pea/core';

/** A bare TCP socket to `address`: a peer that knows nothing of us. */
export async function rawConnect(address: SocketAddress, localAddress?: string): Promise<Socket> {
  const { host, port } = address;
  const socket = connect({
    host,
    port,
    allowHalfOpen: true,
    ...(localAddress !== undefined && { localAddress }),
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Both ends of one TCP connection. */
export async function rawPair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const here = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const [there] = (await once(server, 'connection')) as [Socket];
  server.close();
  return [here, there];
}

/**
 * Blocks this thread for a moment, in which what it wrote to sockets of its own arrives: a busy system does not deliver
 * over the loopback at once.
 */
export function letArrive(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
}

/** Resolves when the socket was closed by the other side, or is closed. */
export function socketClosed(socket: Socket): Promise<void> {
  socket.resume();
  return new Promise((resolve) => {
    if (socket.readableEnded || socket.destroyed) resolve();
    socket.once('end', resolve);
    socket.once('close', () => resolve());
  });
}

/**
 * A listening socket that accepts nobody and whose backlog is full, so that further dials hang:
 * a process of its own listens and then stands still.
 */
export async function silentListener(): Promise<{ address: string; stop: () => void }> {
  const script = `
    const server = require('node:net').createServer();
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  const fillers = Array.from({ length: 4 }, () => connect(Number(port), '127.0.0.1').on('error', () => {}));
  await once(fillers[1]!, 'connect');
  return {
    address: `127.0.0.1:${String(port)}`,
    stop: () => {
      for (const filler of fillers) filler.destroy();
      child.kill('SIGKILL');
    },
  };
}
