import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { SocketAddress } from '@pea2pea/core';

/**
 * Dials a bare TCP socket to `address`: a peer that knows nothing of pea2pea. Resolves when it is connected.
 *
 * note: its errors are swallowed, and it is half-open: an end of the peer does not end it.
 * @param localAddress the address of this machine to dial from, such as `127.0.0.2`. @default the system chooses
 * @throws the error of the system when nobody listens there.
 */
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

/** Both ends of one TCP connection over the loopback, half-open; the second is paused. Destroy both after the test. */
export async function rawPair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const here = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const [there] = (await once(server, 'connection')) as [Socket];
  server.close();
  return [here, there];
}

/** Resolves when the other side has ended `socket`, or it is closed. What arrives until then is thrown away. */
export function socketClosed(socket: Socket): Promise<void> {
  socket.resume();
  return new Promise((resolve) => {
    if (socket.readableEnded || socket.destroyed) resolve();
    socket.once('end', resolve);
    socket.once('close', () => resolve());
  });
}

/**
 * Makes a listening socket that accepts nobody and whose backlog is full, so that further dials hang: a process of its own
 * listens and then stands still. For timeouts of dials over real sockets.
 *
 * note: call `stop` after the test, which ends the process.
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
