import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/**
 * Finds a TCP port of 127.0.0.1 that was free a moment ago, for programs that must be told one.
 *
 * note: another process may take it before you do. Use port 0 wherever what listens can say which port it got.
 */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
