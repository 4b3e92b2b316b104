// The other ends of many connections: bare sockets, in a process of their own. node crowd.mjs
//
//   dial <port> <count>    says   dialled, when there are so many connections more
//   listen <count>         says   listening <port> <port> ...
//   expect <bytes>         says   expecting, then received, when all connections together were sent so many bytes
//   talk <bytes>           says   talking, when each connection was sent a message of so many bytes, behind four of length,
//                                 and has sent it back; it gets the next for every one that it sends back
//   hush                   says   hushed, when all have sent back their last
//   reset                  says   gone, when no connection is left: reset, so that their ports are free at once
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { atOnce } from './at-once.mjs';

const HOST = '127.0.0.1';
const HEAD = 4;
/** Dials at once: a listener has to have room for them. */
const DIALS = 50;

const sockets = new Set();

/** Bytes that are still to come, over all connections. */
let left = 0;

/** What is said again and again; undefined in silence. */
let frame;
/** Bytes that a connection has to send back, while it has to. */
const owed = new Map();
/** Who has not sent back the first. */
const silent = new Set();

function hold(socket) {
  sockets.add(socket);
  socket.on('data', socketOnData);
  socket.on('error', socketOnError);
  socket.once('close', socketOnClose);
}

function socketOnData(chunk) {
  if (owed.has(this)) countBack(this, chunk.length);
  else if (left > 0 && (left -= chunk.length) <= 0) console.log('received');
}

function socketOnError() {}

function socketOnClose() {
  sockets.delete(this);
}

function countBack(socket, bytes) {
  const rest = owed.get(socket) - bytes;
  if (rest > 0) {
    owed.set(socket, rest);
    return;
  }
  if (silent.delete(socket) && silent.size === 0) console.log('talking');
  if (frame !== undefined) {
    sayTo(socket);
    return;
  }
  owed.delete(socket);
  if (owed.size === 0) console.log('hushed');
}

function sayTo(socket) {
  owed.set(socket, frame.length);
  socket.write(frame);
}

/** What can be told, by its first word. */
const commands = {
  async dial(port, count) {
    await atOnce(DIALS, count, async () => {
      const socket = createConnection({ host: HOST, port, noDelay: true });
      hold(socket);
      await once(socket, 'connect');
    });
    console.log('dialled');
  },
  async listen(count) {
    const ports = [];
    for (let made = 0; made < count; made++) {
      const server = createServer({ noDelay: true }, hold).listen(0, HOST);
      await once(server, 'listening');
      ports.push(server.address().port);
    }
    console.log(`listening ${ports.join(' ')}`);
  },
  expect(bytes) {
    left = bytes;
    console.log('expecting');
  },
  talk(bytes) {
    frame = Buffer.alloc(HEAD + bytes, 'x');
    frame.writeUInt32BE(bytes);
    for (const socket of sockets) {
      silent.add(socket);
      sayTo(socket);
    }
  },
  hush() {
    frame = undefined;
  },
  async reset() {
    const closed = [...sockets].map((socket) => once(socket, 'close'));
    for (const socket of sockets) socket.resetAndDestroy();
    await Promise.all(closed);
    console.log('gone');
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [word, ...numbers] = line.split(' ');
  // Not awaited, so that what was told can be told to end. What throws ends the process.
  void commands[word](...numbers.map(Number));
}
process.exit();
