import type { Cause } from '../causes.js';
import { connected } from '../connected.js';

export const ENDS: readonly Cause[] = [
  {
    name: 'b closes in order',
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.tell('b', { do: 'close' });
      await stage.pass(1_000);
    },
  },
  {
    name: 'both close at once',
    async play(stage) {
      await connected(stage);
      stage.begin();
      stage.launch('a', { do: 'close' });
      stage.launch('b', { do: 'close' });
      await stage.pass(1_000);
    },
  },
  {
    name: 'b ends its half, and a ends in turn',
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.tell('b', { do: 'end' });
      await stage.pass(1_000);
    },
  },
  {
    name: 'b ends its half; a goes on sending, and ends two seconds later',
    options: { agents: { halfOpen: true } },
    times: { 'after two seconds': 2_000 },
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.tell('b', { do: 'end' });
      await stage.pass(2_000);
      await stage.tell('a', { do: 'say', bytes: 1_000 });
      await stage.tell('a', { do: 'end' });
      await stage.pass(1_000);
    },
  },
  {
    name: 'b resets',
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.tell('b', { do: 'reset' });
      await stage.pass(1_000);
    },
  },
  {
    name: 'b sends and resets, while a does not read; a reads two seconds later',
    times: { 'after two seconds': 2_000 },
    differs: 'Older Node takes a reset together with bytes for an end: [reading](lifecycle.md#reading).',
    async play(stage) {
      await connected(stage);
      await stage.tell('a', { do: 'pause' });
      stage.begin();
      await stage.tell('b', { do: 'say', bytes: 100_000 });
      await stage.pass(300);
      await stage.tell('b', { do: 'reset' });
      await stage.pass(1_700);
      await stage.tell('a', { do: 'resume' });
      await stage.pass(1_000);
    },
  },
  {
    name: 'b closes with bytes of a that it has not read',
    async play(stage) {
      await connected(stage);
      await stage.tell('b', { do: 'pause' });
      await stage.tell('a', { do: 'say', bytes: 100_000 });
      await stage.pass(300);
      stage.begin();
      await stage.tell('b', { do: 'close' });
      await stage.pass(1_000);
    },
  },
  {
    name: 'a sends to a b that has closed, two seconds later and once more',
    options: { agents: { halfOpen: true } },
    times: { 'after two seconds': 2_000, 'after three seconds': 3_000 },
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.tell('b', { do: 'close' });
      await stage.pass(2_000);
      await stage.tell('a', { do: 'say', bytes: 10 });
      await stage.pass(1_000);
      await stage.tell('a', { do: 'say', bytes: 10 });
      await stage.pass(1_000);
    },
  },
];
