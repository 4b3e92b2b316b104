// Begins handshakes and leaves when the first reply is there, over and over: what a stranger can do who computes nothing.
// first-messages.mjs <noise|tls> <port> <addresses> <at once> <pause in ms> <milliseconds> <file with a ClientHello>
// `<addresses>` is `127.0.0.3`, or `127.0.x.y` for another one each time. Prints how many replies there were.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

const [channel, port, addresses, width, pauseMs, durationMs, hello] = process.argv.slice(2);
const first = channel === 'tls' ? readFileSync(hello) : undefined;
const endMs = performance.now() + Number(durationMs);
let count = 0;
let replies = 0;

function message() {
  return first ?? Buffer.concat([Buffer.of(0, 32), randomBytes(32)]);
}

function begin() {
  const leftMs = endMs - performance.now();
  if (leftMs <= 0) return undefined;
  const number = count++;
  const localAddress =
    addresses === '127.0.x.y'
      ? `127.${1 + (number % 100)}.${1 + (Math.floor(number / 100) % 200)}.1`
      : addresses;
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), localAddress });
    const timer = setTimeout(() => socket.destroy(), leftMs);
    socket.on('connect', () => socket.write(message()));
    socket.on('data', () => {
      replies++;
      socket.resetAndDestroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function worker() {
  for (let next = begin(); next !== undefined; next = begin()) {
    await next;
    if (Number(pauseMs) > 0) await new Promise((resolve) => setTimeout(resolve, Number(pauseMs)));
  }
}

await Promise.all(Array.from({ length: Number(width) }, worker));
console.log(replies);
