// How fast connections come and go: a few at a time, ten thousand that stay, and the nodes themselves.
import { interleavedAsync, ROUNDS } from './harness/interleaved.mjs';
import { ENDS, startCrowd, startEnds } from './harness/many-ends.mjs';
import { result } from './harness/results.mjs';

const LANES = 8;
/** In one turn. A port rests for a minute after its connection, and there are 28 000: all turns together take fewer. */
const CHURN = 2_000;
const MANY = 10_000;
const NODES = 1_000;

export const seconds = 60;
/** A round takes about so long. */
const ROUND_SECONDS = 7;

export async function run({ seconds, emit }) {
  const rounds = Math.min(ROUNDS, Math.max(3, Math.round(seconds / ROUND_SECONDS)));
  const churned = await turns(rounds, churning);
  emit(compared('connect and disconnect', 'connections/s', churned, perSecond), {
    title: `connect and disconnect, ${LANES} at a time, both ends`,
  });
  const accepted = await turns(rounds, accepting);
  emit(
    compared(`accept ${MANY}`, 's', accepted, (ns) => (ns * MANY) / 1e9),
    {
      title: `from the first dial until ${MANY} inbound connections are open`,
    },
  );
  for (const [what, word] of [
    ['start', 'started'],
    ['close', 'stopped'],
  ]) {
    const times = await turns(rounds, startingAndStopping(word));
    emit(
      compared(`${what} ${NODES} nodes`, 'ms', times, (ns) => (ns * NODES) / 1e6),
      {
        title: `${what} ${NODES} nodes that listen`,
      },
    );
  }
}

/** Starts all contestants and answers the times of their turns. `prepare` answers what one does in a turn. */
async function turns(rounds, prepare) {
  const processes = [];
  const keep = (child) => {
    processes.push(child);
    return child;
  };
  try {
    const running = [];
    for (const contestant of ENDS) running.push({ run: await prepare(contestant, keep) });
    return await interleavedAsync(running, { sliceNs: 0, rounds });
  } finally {
    await Promise.all(processes.map((child) => child.close()));
  }
}

/** Both ends are of the contestant, each in a process of its own. */
async function churning(contestant, keep) {
  const listener = keep(startEnds(contestant));
  const dialler = keep(startEnds(contestant));
  const [port] = await listener.ask('listen', 'listening');
  let total = 0;
  return async () => {
    total += CHURN;
    const begin = process.hrtime.bigint();
    await dialler.ask(`churn ${port} ${CHURN} ${LANES}`, 'churned');
    await listener.ask(`ended ${total}`, 'reached');
    return { operations: CHURN, ns: Number(process.hrtime.bigint() - begin) };
  };
}

/** The dials come from bare sockets, whoever accepts them. */
async function accepting(contestant, keep) {
  const listener = keep(startEnds(contestant));
  const crowd = keep(startCrowd(contestant));
  const [port] = await listener.ask('listen', 'listening');
  let total = 0;
  return async () => {
    total += MANY;
    const begin = process.hrtime.bigint();
    await crowd.ask(`dial ${port} ${MANY}`, 'dialled');
    await listener.ask(`opened ${total}`, 'reached');
    const ns = Number(process.hrtime.bigint() - begin);
    await crowd.ask('reset', 'gone');
    await listener.ask(`ended ${total}`, 'reached');
    return { operations: MANY, ns };
  };
}

/** Answers how long that took of which `word` tells. */
function startingAndStopping(word) {
  return (contestant, keep) => {
    const ends = keep(startEnds(contestant));
    return async () => {
      const [started] = await ends.ask(`start ${NODES}`, 'started');
      const [stopped] = await ends.ask('stop', 'stopped');
      return { operations: NODES, ns: Number(word === 'started' ? started : stopped) };
    };
  };
}

function perSecond(ns) {
  return 1e9 / ns;
}

/** `inUnit` turns nanoseconds of one operation into what is shown. */
function compared(metric, unit, times, inUnit) {
  const roundsOf = (name) => times[ENDS.findIndex((each) => each.name === name)].map(inUnit);
  return ENDS.map(({ name, against }) =>
    result({
      suite: 'connections',
      contestant: name,
      metric,
      unit,
      rounds: roundsOf(name),
      against: against && { contestant: against, rounds: roundsOf(against) },
    }),
  );
}
