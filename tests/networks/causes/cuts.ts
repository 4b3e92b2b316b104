import type { Cause } from '../causes.js';
import { connected } from '../connected.js';

const GIVES_UP = { 'when the system gives up': 3_000 };
const SAY = { do: 'say', bytes: 10 } as const;

export const CUTS: readonly Cause[] = [
  {
    name: 'both ways, healed after a second; a had said something',
    options: { giveUpMs: 12_600 },
    times: { 'when a sends again': 1_800 },
    async play(stage) {
      await connected(stage);
      await stage.cut('both');
      stage.begin();
      await stage.tell('a', SAY);
      await stage.pass(1_000);
      await stage.heal();
      await stage.pass(3_000);
    },
  },
  {
    name: 'both ways, healed when a has given up; then b says something',
    times: { ...GIVES_UP, 'after five seconds': 5_000 },
    async play(stage) {
      await connected(stage);
      await stage.cut('both');
      stage.begin();
      await stage.tell('a', SAY);
      await stage.pass(5_000);
      await stage.heal();
      await stage.tell('b', SAY);
      await stage.pass(2_000);
    },
  },
  {
    name: 'from a to b alone; both say something',
    times: GIVES_UP,
    async play(stage) {
      await connected(stage);
      await stage.cut('a-to-b');
      stage.begin();
      await stage.tell('a', SAY);
      await stage.tell('b', SAY);
      await stage.pass(5_000);
    },
  },
  {
    name: 'from b to a alone; both say something',
    times: GIVES_UP,
    async play(stage) {
      await connected(stage);
      await stage.cut('b-to-a');
      stage.begin();
      await stage.tell('a', SAY);
      await stage.tell('b', SAY);
      await stage.pass(5_000);
    },
  },
  {
    name: 'from b to a alone; only a says something',
    times: GIVES_UP,
    async play(stage) {
      await connected(stage);
      await stage.cut('b-to-a');
      stage.begin();
      await stage.tell('a', SAY);
      await stage.pass(5_000);
    },
  },
  {
    name: 'both ways, and b closes',
    times: GIVES_UP,
    async play(stage) {
      await connected(stage);
      await stage.cut('both');
      stage.begin();
      await stage.tell('b', { do: 'close' });
      await stage.pass(5_000);
    },
  },
  {
    name: 'both ways, and b resets; healed, and a says something after three seconds',
    times: { 'after three seconds': 3_000 },
    async play(stage) {
      await connected(stage);
      await stage.cut('both');
      stage.begin();
      await stage.tell('b', { do: 'reset' });
      await stage.pass(3_000);
      await stage.heal();
      await stage.tell('a', SAY);
      await stage.pass(2_000);
    },
  },
  {
    name: 'a firewall begins to reply with resets; a says something after two seconds, b after four',
    times: { 'after two seconds': 2_000, 'after four seconds': 4_000 },
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.cut('reset');
      await stage.pass(2_000);
      await stage.tell('a', SAY);
      await stage.pass(2_000);
      await stage.tell('b', SAY);
      await stage.pass(1_000);
    },
  },
  {
    name: 'a firewall begins to reply that it is prohibited; a says something',
    times: GIVES_UP,
    async play(stage) {
      await connected(stage);
      await stage.cut('prohibited');
      stage.begin();
      await stage.tell('a', SAY);
      await stage.pass(5_000);
    },
  },
  {
    name: 'the link of a goes down, and nobody says anything',
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.lose('a', 'link');
      await stage.pass(4_000);
    },
  },
  {
    name: 'the link of a goes down, and a says something',
    times: GIVES_UP,
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.lose('a', 'link');
      await stage.tell('a', SAY);
      await stage.pass(5_000);
    },
  },
  {
    name: 'a loses its address, and says something',
    times: GIVES_UP,
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.lose('a', 'address');
      await stage.tell('a', SAY);
      await stage.pass(5_000);
    },
  },
  {
    name: 'a translation forgets and drops what it does not know; a says something',
    options: { nat: { forgetsMs: 1_000, unknown: 'dropped' } },
    times: GIVES_UP,
    async play(stage) {
      await connected(stage);
      await stage.pass(2_500);
      stage.begin();
      await stage.tell('a', SAY);
      await stage.pass(5_000);
    },
  },
  {
    name: 'a translation forgets and drops what it does not know; b says something',
    options: { nat: { forgetsMs: 1_000, unknown: 'dropped' } },
    times: GIVES_UP,
    async play(stage) {
      await connected(stage);
      await stage.pass(2_500);
      stage.begin();
      await stage.tell('b', SAY);
      await stage.pass(5_000);
    },
  },
  {
    name: 'a translation forgets and resets what it does not know; a says something',
    options: { nat: { forgetsMs: 1_000, unknown: 'reset' } },
    times: GIVES_UP,
    async play(stage) {
      await connected(stage);
      await stage.pass(2_500);
      stage.begin();
      await stage.tell('a', SAY);
      await stage.pass(5_000);
    },
  },
  {
    name: 'a translation forgets and resets what it does not know; b says something',
    options: { nat: { forgetsMs: 1_000, unknown: 'reset' } },
    times: GIVES_UP,
    async play(stage) {
      await connected(stage);
      await stage.pass(2_500);
      stage.begin();
      await stage.tell('b', SAY);
      await stage.pass(5_000);
    },
  },
];
