// A process that holds ends of connections of one contestant: node --expose-gc ends.mjs <module>
//
//   listen                         says   listening <port>
//   opened <count>, ended <count>  says   reached, when so many inbound connections were opened, or have ended, in all
//   dial <port> <port> ...         says   dialled, when there is one connection with each
//   start <count>                  says   started <ns>, when so many more nodes listen
//   stop                           says   stopped <ns>, when none of them does
//   churn <port> <times> <lanes>   says   churned, when it connected and disconnected so often, so many at once
//   memory                         says   memory <heap> <resident>: bytes, garbage collected
//
// A contestant is a module that exports:
//
//   listen(onOpen, onEnd)   listens on a free port of the loopback and answers it; calls these for every connection
//   dial(port)              connects, and keeps the connection
//   startNode()             starts one more that listens; answers a function that closes it
//   lane(port)              answers a function that connects and disconnects once
import { setImmediate as turn } from 'node:timers/promises';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { atOnce } from './at-once.mjs';

/** Dials at once. The backlog of a listener is longer. */
const DIALS = 50;

const contestant = await import(pathToFileURL(process.argv[2]).href);

/** How many inbound connections were opened and have ended, and how many of it somebody waits for. */
const counts = { opened: 0, ended: 0 };
const awaited = { opened: undefined, ended: undefined };

function count(what) {
  if (++counts[what] === awaited[what]) console.log('reached');
}

function awaitCount(what, number) {
  if (counts[what] >= number) console.log('reached');
  else awaited[what] = number;
}

/** Close functions of the nodes that were started. */
let nodes = [];

/** What can be told, by its first word. */
const commands = {
  async listen() {
    const port = await contestant.listen(
      () => count('opened'),
      () => count('ended'),
    );
    console.log(`listening ${port}`);
  },
  opened(number) {
    awaitCount('opened', number);
  },
  ended(number) {
    awaitCount('ended', number);
  },
  async dial(...ports) {
    await atOnce(DIALS, ports.length, (index) => contestant.dial(ports[index]));
    console.log('dialled');
  },
  async start(count) {
    const begin = process.hrtime.bigint();
    nodes.push(...(await Promise.all(Array.from({ length: count }, () => contestant.startNode()))));
    console.log(`started ${process.hrtime.bigint() - begin}`);
  },
  async stop() {
    const begin = process.hrtime.bigint();
    await Promise.all(nodes.splice(0).map((close) => close()));
    console.log(`stopped ${process.hrtime.bigint() - begin}`);
  },
  async churn(port, times, lanes) {
    const once = Array.from({ length: lanes }, () => contestant.lane(port));
    await atOnce(lanes, times, (_, lane) => once[lane]());
    console.log('churned');
  },
  async memory() {
    // What finalizers and late callbacks let go of is gone after a few turns.
    for (let times = 0; times < 5; times++) {
      globalThis.gc();
      await turn();
    }
    const { heapUsed, external, rss } = process.memoryUsage();
    console.log(`memory ${heapUsed + external} ${rss}`);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [word, ...numbers] = line.split(' ');
  // Not awaited: memory is asked for while others work. What throws ends the process.
  void commands[word](...numbers.map(Number));
}
process.exit();
