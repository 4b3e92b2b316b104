import { connect } from 'node:net';

const EVERY_MS = 300;
/** Longer than the codec of the stations allows, and not JSON. */
const NONSENSE = ['hello?\n', `${'x'.repeat(2_000)}\n`];

/** Dials the stations again and again, sends what is not understood, and takes the places of others for a moment. */
export function sendStrangers(addresses: readonly string[]): { end(): void } {
  let visits = 0;
  const timer = setInterval(() => {
    const [host, port] = addresses[visits % addresses.length]!.split(':') as [string, string];
    const socket = connect({ host, port: Number(port) });
    socket.on('error', () => {});
    socket.write(NONSENSE[visits++ % NONSENSE.length]!);
    socket.resume();
    // Two at a time find one place.
    const second = connect({ host, port: Number(port) });
    second.on('error', () => {});
    setTimeout(() => [socket, second].forEach((one) => one.destroy()), EVERY_MS).unref();
  }, EVERY_MS);
  return { end: () => clearInterval(timer) };
}
