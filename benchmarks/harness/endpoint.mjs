// A contestant's process: node endpoint.mjs <module> <role> ...
//
//   receiver <connections>         says   listening <port>
//                                  hears  expect <bytes> <messages>   says   expecting, then received
//   sender <port> <connections>    says   connected
//                                  hears  send <bytes> <messages>     says   sent; so many on each connection
//   both <connections>             the two of them in one process; says connected, hears both
//
// A contestant is a module that exports two functions:
//
//   listen(count, connections)     listens on a free port of the loopback and answers it; calls `count(payload)` for
//                                  every message: its bytes, or its text where the contestant carries no bytes
//   connect(port)                  answers `send(payload, messages)`, which resolves when all were handed over
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

/** The byte that payloads are made of; the receiver looks at one of them. */
const FILL = 0x78;
const FILL_TEXT = 'x';

const [file, role, ...rest] = process.argv.slice(2);
const { listen, connect } = await import(pathToFileURL(file).href);

/** What has to arrive. */
let size = 0;
let left = 0;

function count(message) {
  const last = message[message.length - 1];
  if (message.length !== size || (last !== FILL && last !== FILL_TEXT)) fail(message.length);
  left--;
  if (left === 0) console.log('received');
  else if (left < 0) fail(message.length);
}

/** Ends the process: an error might be caught by the library that calls us. */
function fail(length) {
  console.error(`a message of ${length} bytes was not expected`);
  process.exit(1);
}

const senders = [];

/** What can be told, by its first word. */
const commands = {
  expect(bytes, messages) {
    size = bytes;
    left = messages;
    console.log('expecting');
  },
  async send(bytes, messages) {
    const payload = Buffer.alloc(bytes, FILL);
    await Promise.all(senders.map((send) => send(payload, messages)));
    console.log('sent');
  },
};

async function connectAll(port, connections) {
  for (let made = 0; made < connections; made++) senders.push(await connect(port));
  console.log('connected');
}

const [first, second] = rest.map(Number);
if (role === 'receiver') console.log(`listening ${await listen(count, first)}`);
else if (role === 'sender') await connectAll(first, second);
else await connectAll(await listen(count, first), first);

for await (const line of createInterface({ input: process.stdin })) {
  const [word, ...numbers] = line.split(' ');
  // Not awaited: whoever sends also has to hear the end of stdin. What throws ends the process.
  void commands[word](...numbers.map(Number));
}
process.exit();
