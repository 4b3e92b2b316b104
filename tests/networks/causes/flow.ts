import type { Cause } from '../causes.js';
import { connected } from '../connected.js';

const MUCH = { do: 'say', bytes: 900_000 } as const;
const GIVES_UP = { 'when the system gives up': 3_000 };

export const FLOW: readonly Cause[] = [
  {
    name: 'b does not read for two seconds, and then all',
    times: { 'after two seconds': 2_000 },
    async play(stage) {
      await connected(stage);
      await stage.tell('b', { do: 'pause' });
      stage.begin();
      await stage.tell('a', MUCH);
      await stage.pass(2_000);
      await stage.tell('b', { do: 'resume' });
      await stage.pass(2_000);
    },
  },
  {
    name: 'b does not read for longer than the system waits for acknowledgements, and then all',
    times: { 'after seven seconds': 7_000 },
    async play(stage) {
      await connected(stage);
      await stage.tell('b', { do: 'pause' });
      stage.begin();
      await stage.tell('a', MUCH);
      await stage.pass(7_000);
      await stage.tell('b', { do: 'resume' });
      await stage.pass(4_000);
    },
  },
  {
    name: 'b never reads, and a has a write timeout',
    options: { agents: { writeTimeoutMs: 2_000 } },
    times: { 'after writeTimeoutMs': 2_000 },
    async play(stage) {
      await connected(stage);
      await stage.tell('b', { do: 'pause' });
      stage.begin();
      await stage.tell('a', MUCH);
      await stage.pass(6_000);
    },
  },
  {
    name: 'a sends much and ends its half; b reads two seconds later',
    times: { 'after two seconds': 2_000 },
    async play(stage) {
      await connected(stage);
      await stage.tell('b', { do: 'pause' });
      stage.begin();
      await stage.tell('a', MUCH);
      await stage.tell('a', { do: 'end' });
      await stage.pass(2_000);
      await stage.tell('b', { do: 'resume' });
      await stage.pass(2_000);
    },
  },
  {
    name: 'the way is cut while b does not read, and all buffers are full',
    times: GIVES_UP,
    async play(stage) {
      await connected(stage);
      await stage.tell('b', { do: 'pause' });
      await stage.tell('a', MUCH);
      await stage.pass(500);
      await stage.cut('both');
      stage.begin();
      await stage.pass(8_000);
    },
  },
  {
    name: 'the way is cut while b does not read; b reads a second later, and it is healed after two',
    options: { giveUpMs: 12_600 },
    times: { 'after two seconds': 2_500 },
    async play(stage) {
      await connected(stage);
      await stage.tell('b', { do: 'pause' });
      await stage.tell('a', MUCH);
      await stage.pass(500);
      await stage.cut('both');
      stage.begin();
      await stage.pass(1_000);
      await stage.tell('b', { do: 'resume' });
      await stage.pass(1_000);
      await stage.heal();
      await stage.pass(6_000);
    },
  },
  {
    name: 'a link of 300 KB/s carries 450 KB for each of the two layers',
    options: { bytesPerSecond: 300_000 },
    times: { 'after three seconds': 3_000 },
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.tell('a', { do: 'say', bytes: 450_000 });
      await stage.pass(6_000);
    },
  },
  {
    name: 'a link takes packets of 600 bytes, and the router says so',
    options: { mtu: { bytes: 600, isTold: true } },
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.tell('a', { do: 'say', bytes: 20_000 });
      await stage.pass(3_000);
    },
  },
  {
    name: 'a link takes packets of 600 bytes, and the router does not say so',
    options: { mtu: { bytes: 600, isTold: false } },
    times: GIVES_UP,
    differs: 'Simulated packets have no size that could be too large.',
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.tell('a', { do: 'say', bytes: 20_000 });
      await stage.pass(5_000);
    },
  },
];
