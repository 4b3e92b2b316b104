/**
 * The clients of c10k, in a process of their own: as many open files again are too many for one. Plain sockets, as a
 * client in any language would have.
 *
 * Connects them all and says so; told to, lets each ask once and says how long that took.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What this process tells the other one. */
export type Report = { readonly connected: number } | { readonly p50Ms: number; readonly p99Ms: number };

/** Dials and questions under way: a node sets up a hundred connections at once. */
const AT_ONCE = 100;

const [port, count] = process.argv.slice(2).map(Number) as [number, number];

// Who started us is gone.
process.once('disconnect', () => process.exit());

try {
  const sockets: Socket[] = [];
  await forEach(count, async () => {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    sockets.push(socket);
  });
  report({ connected: sockets.length });

  await once(process, 'message');
  const timesMs: number[] = [];
  await forEach(count, async (index) => {
    const begin = performance.now();
    await ask(sockets[index]!, `client ${index}`);
    timesMs.push(performance.now() - begin);
  });
  timesMs.sort((a, b) => a - b);
  const quantile = (part: number): number => timesMs[Math.ceil(part * count) - 1]!;
  report({ p50Ms: quantile(0.5), p99Ms: quantile(0.99) });
} catch (error) {
  console.error(`a client failed: ${(error as Error).message}`);
  process.exit(1);
}

/** Resolves with the right answer, rejects with any other, and with the end of the connection. */
function ask(socket: Socket, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let heard = '';
    const onClose = (): void => reject(new Error(`${name} was disconnected`));
    socket.once('error', reject);
    socket.once('close', onClose);
    socket.on('data', (chunk) => {
      heard += String(chunk);
      if (!heard.endsWith('\n')) return;
      socket.off('close', onClose);
      if (heard === `hello, ${name}\n`) resolve();
      else reject(new Error(`${name} heard ${JSON.stringify(heard)}`));
    });
    socket.write(`${name}\n`);
  });
}

/** Calls `work` for every index below `total`, a hundred at a time. */
async function forEach(total: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    while (next < total) await work(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
}

function report(what: Report): void {
  process.send!(what);
}
