// What decorators, plugins and sessions cost on top of a bare node with the same hooks, and how long a peer takes to start.
import { lengthDelimited } from '@pea2pea/codecs';
import { memoryTransport, PeerNode } from '@pea2pea/core';
import { createPeer, OnConnect, OnMessage, Peer, Plugin, Session } from '@pea2pea/decorators';
import { interleavedAsync, sliceNsOf } from './harness/interleaved.mjs';
import { result } from './harness/results.mjs';

const SIZE = 256;
const BURST = 20_000;
const LISTEN = { host: '127.0.0.1', port: 0 };
const codec = lengthDelimited();

/** Puts a hook decorator on a method, as `experimentalDecorators` does: this file is plain JavaScript. */
function hook(decorator, Class, name) {
  decorator(Class.prototype, name, Object.getOwnPropertyDescriptor(Class.prototype, name));
}

/** A class whose hooks count: what each plugin, the peer and each bare hook object does. */
function counting() {
  return class Counting {
    connections = 0;
    messages = 0;
    onConnect() {
      this.connections++;
    }
    onMessage() {
      this.messages++;
    }
  };
}

function decorated(decorate) {
  const Class = counting();
  hook(OnConnect(), Class, 'onConnect');
  hook(OnMessage(), Class, 'onMessage');
  decorate(Class);
  return Class;
}

const plugins = [1, 2, 3].map(() => decorated(Plugin()));
const PluggedPeer = decorated(Peer({ codec, plugins }));
const LonePeer = decorated(Peer({ codec }));
const CountingSession = decorated(Session());
const SessionPeer = class {};
Peer({ codec, sessions: [CountingSession] })(SessionPeer);

/** Bursts of messages from a node of its own, over TCP, to `receiver`; each burst is timed until the last was handled. */
async function burstsTo({ node, received, close }) {
  const address = await node.listen(LISTEN);
  const sender = new PeerNode({ codec });
  const connection = await sender.connect(address);
  const message = Buffer.alloc(SIZE, 'x');
  return {
    async run() {
      const target = received() + BURST;
      const start = process.hrtime.bigint();
      for (let sent = 0; sent < BURST;) {
        if (connection.trySend(message)) sent++;
        else await connection.drained();
      }
      while (received() < target) await new Promise((resolve) => setImmediate(resolve));
      return { operations: BURST, ns: Number(process.hrtime.bigint() - start) };
    },
    async close() {
      await sender.close();
      await close();
    },
  };
}

/** A bare node with `count` objects of the same hooks. */
function bare(count) {
  const node = new PeerNode({ codec });
  const hooks = Array.from({ length: count }, () => new (counting())());
  for (const each of hooks) node.use(each);
  return { node, received: () => hooks.at(-1).messages, close: () => node.close() };
}

async function framed(Class) {
  const handle = await createPeer(Class, { listen: false });
  const { node, peer } = handle;
  return {
    node,
    received: () => (Class === SessionPeer ? node.stats.messagesReceived : peer.messages),
    close: () => handle.close(),
  };
}

const TRAFFIC = [
  { name: 'bare node, 1 hook', make: () => bare(1) },
  { name: '@Peer', make: () => framed(LonePeer), against: 'bare node, 1 hook' },
  { name: '@Peer with a session', make: () => framed(SessionPeer), against: 'bare node, 1 hook' },
  { name: 'bare node, 4 hooks', make: () => bare(4) },
  { name: '@Peer with 3 plugins', make: () => framed(PluggedPeer), against: 'bare node, 4 hooks' },
];

/** How long it takes from the call to a listening peer; `setUp` and `tearDown` are not timed. */
const STARTS = [
  {
    name: 'new PeerNode, listening',
    async run() {
      const node = new PeerNode({ codec, transport: memoryTransport() });
      return timed(
        () => node.listen(LISTEN),
        () => node.close(),
      );
    },
  },
  ...[
    ['createPeer(@Peer)', LonePeer],
    ['createPeer(@Peer with 3 plugins)', PluggedPeer],
    ['createPeer(@Peer with a session)', SessionPeer],
  ].map(([name, Class]) => ({
    name,
    run: () =>
      timed(
        () => createPeer(Class, { config: { transport: memoryTransport(), listen: LISTEN } }),
        (handle) => handle.close(),
      ),
  })),
];

async function timed(act, after) {
  const start = process.hrtime.bigint();
  const result = await act();
  const ns = Number(process.hrtime.bigint() - start);
  await after(result);
  return { operations: 1, ns };
}

export async function run({ seconds, emit }) {
  const contestants = [];
  for (const { name, make, against } of TRAFFIC) {
    contestants.push({ name, against, ...(await burstsTo(await make())) });
  }
  const perMessage = await interleavedAsync(contestants, { sliceNs: sliceNsOf(seconds * 0.8, contestants) });
  for (const { close } of contestants) await close();
  const roundsOf = (name) => perMessage[contestants.findIndex((contestant) => contestant.name === name)];
  emit(
    contestants.map(({ name, against }) =>
      result({
        suite: 'framework',
        contestant: name,
        size: SIZE,
        metric: 'message',
        unit: 'ns',
        rounds: roundsOf(name),
        against: against && { contestant: against, rounds: roundsOf(against) },
      }),
    ),
    { title: `a message of ${SIZE} bytes over TCP, sender and receiver in this process` },
  );

  const starts = await interleavedAsync(STARTS, { sliceNs: sliceNsOf(seconds * 0.2, STARTS) });
  emit(
    STARTS.map(({ name }, index) =>
      result({
        suite: 'framework',
        contestant: name,
        metric: 'start',
        unit: 'ms',
        rounds: starts[index].map((ns) => ns / 1e6),
      }),
    ),
    { title: 'from the call to a listening peer, after warm-up (memory transport)' },
  );
}
