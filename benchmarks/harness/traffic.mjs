// Messages from a sender to a receiver: how many a second each contestant gets across, measured in turns.
import { fileURLToPath } from 'node:url';
import { interleavedAsync, ROUNDS } from './interleaved.mjs';
import { LineProcess } from './processes.mjs';

const ENDPOINT = fileURLToPath(new URL('endpoint.mjs', import.meta.url));

/** What a contestant sends for, before it is measured: until its code is compiled and its pace known. */
const WARM_UP_NS = 200e6;
/** What a contestant sends for, unmeasured, when its turn comes: while others had theirs, caches forgot it. */
const RUN_UP_NS = 50e6;
/** What is over sooner is repeated, so that its edges do not weigh. */
const MIN_SLICE_NS = 50e6;
const MIN_MESSAGES = 100;

/**
 * A contestant written in JavaScript: a module below `benchmarks/` (`endpoint.mjs` tells what is in it).
 *
 * `oneProcess` puts sender and receiver into the same one; `program` is the Node that runs them.
 */
export function nodeContestant(name, module, { oneProcess = false, program = process.execPath } = {}) {
  const file = fileURLToPath(new URL(`../${module}`, import.meta.url));
  return { name, oneProcess, command: [program, ENDPOINT, file] };
}

/**
 * Messages a second of each contestant, in their order: `{ rates, messages }`, where `rates` are those of each round.
 *
 * All are started, then they take turns. In each the same number of messages (`messages`) of `size` bytes goes from
 * `connections` senders to one receiver, which counts every one.
 */
export async function messageRates(contestants, { size, connections = 1, seconds, rounds = ROUNDS }) {
  const processes = [];
  try {
    const running = [];
    for (const contestant of contestants) running.push(await start(contestant, connections, processes));
    const nsPerMessage = [];
    for (const slice of running) nsPerMessage.push(await warmUp(slice, size, connections));
    const perRound = (seconds * 1e9) / (rounds + 1) - RUN_UP_NS * running.length;
    const sum = nsPerMessage.reduce((all, ns) => all + ns, 0);
    const perLane = (count) => Math.ceil(Math.max(count, MIN_MESSAGES) / connections) * connections;
    const messages = perLane(perRound / sum);
    const times = await interleavedAsync(
      running.map((slice, index) => ({
        runUp: () => slice(size, perLane(RUN_UP_NS / nsPerMessage[index])),
        run: async () => ({ operations: messages, ns: await slice(size, messages) }),
      })),
      { sliceNs: MIN_SLICE_NS, rounds },
    );
    return { rates: times.map((values) => values.map((ns) => 1e9 / ns)), messages };
  } finally {
    await Promise.all(processes.map((each) => each.close()));
  }
}

/**
 * Answers what a message costs a contestant, in nanoseconds: the same number of messages of each has to fit into a round.
 * The best that was seen counts, as what is slower was not compiled yet, or disturbed.
 */
async function warmUp(slice, size, connections) {
  let [messages, best] = [connections * MIN_MESSAGES, Infinity];
  for (let total = 0, ns; total < WARM_UP_NS; total += ns) {
    messages *= 2;
    ns = await slice(size, messages);
    best = Math.min(best, ns / messages);
  }
  return best;
}

/** Answers `slice(size, messages)`, which sends them and answers how long it took, in nanoseconds. */
async function start({ name, command, oneProcess }, connections, processes) {
  const [receiver, sender] = oneProcess ? await startTogether() : await startApart();
  return async (size, messages) => {
    await receiver.ask(`expect ${size} ${messages}`, 'expecting');
    const begin = process.hrtime.bigint();
    sender.tell(`send ${size} ${messages / connections}`);
    const received = receiver.hear('received').then(() => Number(process.hrtime.bigint() - begin));
    // Whichever of the two fails first tells why.
    const [ns] = await Promise.all([received, sender.hear('sent')]);
    return ns;
  };

  async function startApart() {
    const receiver = run(`the receiver of ${name}`, 'receiver', connections);
    const [port] = await receiver.hear('listening');
    const sender = run(`the sender of ${name}`, 'sender', port, connections);
    await sender.hear('connected');
    return [receiver, sender];
  }

  async function startTogether() {
    const both = run(name, 'both', connections);
    await both.hear('connected');
    return [both, both];
  }

  function run(called, ...role) {
    const started = new LineProcess(called, [...command, ...role]);
    processes.push(started);
    return started;
  }
}
