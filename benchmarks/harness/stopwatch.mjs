// A process that waits for messages to arrive, one at a time: node stopwatch.mjs <module> <role>
//
//   echo           says   listening <port>, and sends back what it is sent
//   ask <port>     says   ready
//   chain <nodes>  says   ready
//
// and the last two hear   time <bytes> <times>   and say   timed <p50> <p99> <p99.9>, in nanoseconds.
//
// A contestant is a module that exports:
//
//   listen()       listens on a free port of the loopback, answers it, and echoes
//   connect(port)  answers `send(payload, callback)`, which sends, and calls back when the answer is there
//   chain(nodes)   connects nodes in a line, each of which hands on what it is sent; answers the same function, which
//                  sends from one end and calls back when the message is at the other
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { quantile } from './statistics.mjs';

const [file, role, number] = process.argv.slice(2);
const { listen, connect, chain } = await import(pathToFileURL(file).href);

let send;
if (role === 'echo') {
  console.log(`listening ${await listen()}`);
} else {
  send = await (role === 'ask' ? connect : chain)(Number(number));
  console.log('ready');
}

for await (const line of createInterface({ input: process.stdin })) {
  const [bytes, times] = line.split(' ').slice(1).map(Number);
  const ns = await trips(Buffer.alloc(bytes, 'x'), times);
  console.log(`timed ${[0.5, 0.99, 0.999].map((part) => quantile(ns, part)).join(' ')}`);
}
process.exit();

/** Answers how long each took. Callbacks, as a promise each would be timed with them. */
function trips(payload, times) {
  const ns = new Float64Array(times);
  return new Promise((resolve) => {
    let done = 0;
    let begin;
    const next = () => {
      begin = process.hrtime.bigint();
      send(payload, arrived);
    };
    const arrived = () => {
      ns[done++] = Number(process.hrtime.bigint() - begin);
      if (done < times) next();
      else resolve(ns);
    };
    next();
  });
}
