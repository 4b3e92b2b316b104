import type { Cause } from '../causes.js';
import { connected, count } from '../connected.js';
import type { DialFrom } from '../layer.js';
import { ADDRESSES, NAME, NOBODY, UNREACHABLE, type Stage } from '../stage.js';

const GIVES_UP = { 'when the system gives up': 3_000 };

/** A dial, and what comes of it. */
async function dial(stage: Stage, host: string, from?: DialFrom): Promise<void> {
  stage.begin();
  await stage.tell('a', { do: 'dial', host, ...(from && { from }) });
  await stage.pass(300);
}

export const DIALS: readonly Cause[] = [
  {
    name: 'nobody listens',
    play: (stage) => dial(stage, ADDRESSES.b),
  },
  {
    name: 'nobody replies, and the system gives up',
    times: GIVES_UP,
    play: (stage) => dial(stage, NOBODY),
  },
  {
    name: 'nobody replies, with the settings of the system as they are',
    options: { keepsSystem: true },
    isSlow: true,
    times: { 'after 131 s': 131_000 },
    play: (stage) => dial(stage, NOBODY),
  },
  {
    name: 'nobody replies within connectTimeoutMs',
    options: { agents: { connectTimeoutMs: 1_500 } },
    times: { ...GIVES_UP, 'after connectTimeoutMs': 1_500 },
    play: (stage) => dial(stage, NOBODY),
  },
  {
    name: 'a router says that the host cannot be reached',
    times: GIVES_UP,
    play: (stage) => dial(stage, UNREACHABLE),
  },
  {
    name: 'the dialler has no route',
    times: GIVES_UP,
    async play(stage) {
      await stage.lose('a', 'route');
      await dial(stage, ADDRESSES.b);
    },
  },
  {
    name: 'the link of the dialler is down',
    times: GIVES_UP,
    async play(stage) {
      await stage.lose('a', 'link');
      await dial(stage, ADDRESSES.b);
    },
  },
  {
    name: 'a firewall replies with resets',
    async play(stage) {
      await stage.tell('b', { do: 'listen' });
      await stage.cut('reset');
      await dial(stage, ADDRESSES.b);
    },
  },
  {
    name: 'a firewall replies that it is prohibited',
    times: GIVES_UP,
    async play(stage) {
      await stage.tell('b', { do: 'listen' });
      await stage.cut('prohibited');
      await dial(stage, ADDRESSES.b);
    },
  },
  {
    name: 'the way is cut, and healed after half a second',
    times: { 'at the second attempt': 1_000 },
    async play(stage) {
      await stage.tell('b', { do: 'listen' });
      await stage.cut('both');
      stage.begin();
      stage.launch('a', { do: 'dial', host: ADDRESSES.b });
      await stage.pass(500);
      await stage.heal();
      await stage.pass(3_000);
    },
  },
  {
    name: 'the replies are cut off: b hears the dial, and a does not hear b',
    times: GIVES_UP,
    async play(stage) {
      await stage.tell('b', { do: 'listen' });
      await stage.cut('b-to-a');
      await dial(stage, ADDRESSES.b);
      await stage.pass(1_000);
    },
  },
  {
    name: 'the first address of a name does not reply, the second one does',
    times: GIVES_UP,
    async play(stage) {
      await stage.tell('b', { do: 'listen' });
      await dial(stage, NAME);
    },
  },
  {
    name: 'the backlog of b, which stands still, is full',
    times: GIVES_UP,
    async play(stage) {
      await stage.tell('b', { do: 'listen', backlog: 1 });
      await stage.stall('b', 20_000);
      stage.begin();
      for (let index = 0; index < 6; index++) {
        stage.launch('a', { do: 'dial', host: ADDRESSES.b });
        await stage.pass(50);
      }
      await stage.pass(5_000);
    },
  },
  {
    name: 'from a port whose connection a has just closed',
    async play(stage) {
      await stage.tell('b', { do: 'listen' });
      await dial(stage, ADDRESSES.b, 'known-port');
      await stage.tell('a', { do: 'close' });
      await stage.pass(300);
      await dial(stage, ADDRESSES.b, 'known-port');
    },
  },
  {
    name: 'from a port whose connection b has just closed',
    async play(stage) {
      await stage.tell('b', { do: 'listen' });
      await dial(stage, ADDRESSES.b, 'known-port');
      await stage.until('b has accepted', () => count(stage, 'b', 'accepted') === 2);
      await stage.tell('b', { do: 'close' });
      await stage.pass(300);
      await dial(stage, ADDRESSES.b, 'known-port');
    },
  },
  {
    name: 'from a port whose connection a has just reset',
    async play(stage) {
      await stage.tell('b', { do: 'listen' });
      await dial(stage, ADDRESSES.b, 'known-port');
      await stage.tell('a', { do: 'reset' });
      await stage.pass(300);
      await dial(stage, ADDRESSES.b, 'known-port');
    },
  },
  {
    name: 'from a port that another connection has',
    async play(stage) {
      await connected(stage);
      await dial(stage, ADDRESSES.b, 'known-port');
      await dial(stage, ADDRESSES.b, 'known-port');
    },
  },
  {
    name: 'both dial each other from known ports, and nobody listens',
    times: { ...GIVES_UP, 'at the second attempt': 1_000 },
    async play(stage) {
      await stage.cut('both');
      stage.begin();
      stage.launch('a', { do: 'dial', host: ADDRESSES.b, from: 'known-port-to-known-port' });
      stage.launch('b', { do: 'dial', host: ADDRESSES.a, from: 'known-port-to-known-port' });
      await stage.pass(300);
      await stage.heal();
      await stage.pass(4_000);
    },
  },
];
