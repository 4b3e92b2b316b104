import type { Cause } from '../causes.js';
import { connected } from '../connected.js';

const GIVES_UP = { 'when the system gives up': 3_000 };

export const CRASHES: readonly Cause[] = [
  {
    name: 'the process of b is killed',
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.crash('b', 'process');
      await stage.pass(1_000);
    },
  },
  {
    name: 'the process of b is killed with bytes of a that it has not read',
    async play(stage) {
      await connected(stage);
      await stage.tell('b', { do: 'pause' });
      await stage.tell('a', { do: 'say', bytes: 300_000 });
      await stage.pass(500);
      stage.begin();
      await stage.crash('b', 'process');
      await stage.pass(1_000);
    },
  },
  {
    name: 'the process of b is killed with bytes under way to a, which does not read',
    times: { 'after two seconds': 2_000 },
    async play(stage) {
      await connected(stage);
      await stage.tell('a', { do: 'pause' });
      await stage.tell('b', { do: 'say', bytes: 50_000 });
      await stage.pass(300);
      stage.begin();
      await stage.crash('b', 'process');
      await stage.pass(2_000);
      await stage.tell('a', { do: 'resume' });
      await stage.pass(1_000);
    },
  },
  {
    name: 'b loses its power, and nobody says anything',
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.crash('b', 'power');
      await stage.pass(5_000);
    },
  },
  {
    name: 'b loses its power, and a has an idle timeout',
    options: { agents: { idleTimeoutMs: 2_000 } },
    times: { 'after idleTimeoutMs': 2_000 },
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.crash('b', 'power');
      await stage.pass(5_000);
    },
  },
  {
    name: 'b loses its power, and a says something',
    times: GIVES_UP,
    async play(stage) {
      await connected(stage);
      await stage.crash('b', 'power');
      stage.begin();
      await stage.tell('a', { do: 'say', bytes: 10 });
      await stage.pass(5_000);
    },
  },
  {
    name: 'b loses its power while a sends much, and a has a write timeout',
    options: { agents: { writeTimeoutMs: 1_500 } },
    times: { ...GIVES_UP, 'after writeTimeoutMs': 1_500 },
    async play(stage) {
      await connected(stage);
      await stage.crash('b', 'power');
      stage.begin();
      await stage.tell('a', { do: 'say', bytes: 900_000 });
      await stage.pass(5_000);
    },
  },
  {
    name: 'b loses its power, and a closes',
    times: GIVES_UP,
    async play(stage) {
      await connected(stage);
      await stage.tell('a', { do: 'say', bytes: 10 });
      await stage.pass(300);
      await stage.crash('b', 'power');
      stage.begin();
      await stage.tell('a', { do: 'close' });
      await stage.pass(5_000);
    },
  },
  {
    name: 'b loses its power, and the system of a probes silent peers',
    options: { probes: true },
    times: GIVES_UP,
    differs: 'The probes of systems are not simulated.',
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.crash('b', 'power');
      await stage.pass(6_000);
    },
  },
  {
    name: 'b loses its power and starts again, and a says something',
    async play(stage) {
      await connected(stage);
      await stage.crash('b', 'power');
      await stage.pass(300);
      await stage.restart('b');
      stage.begin();
      await stage.tell('a', { do: 'say', bytes: 10 });
      await stage.pass(2_000);
    },
  },
  {
    name: 'b loses its power with bytes of a under way, and starts again a second later',
    options: { giveUpMs: 12_600 },
    times: { 'when a sends again': 2_200 },
    async play(stage) {
      await connected(stage);
      await stage.crash('b', 'power');
      stage.begin();
      await stage.tell('a', { do: 'say', bytes: 10 });
      await stage.pass(1_000);
      await stage.restart('b');
      await stage.pass(5_000);
    },
  },
  {
    name: 'b loses its power and starts again, and nobody says anything',
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.crash('b', 'power');
      await stage.pass(300);
      await stage.restart('b');
      await stage.pass(3_000);
    },
  },
  {
    name: 'the process of b stands still for three seconds, and a has an idle timeout of two',
    options: { agents: { idleTimeoutMs: 2_000 } },
    times: { 'after idleTimeoutMs': 2_000, 'when it goes on': 3_000 },
    async play(stage) {
      await connected(stage);
      stage.begin();
      await stage.stall('b', 3_000);
      await stage.pass(5_000);
    },
  },
];
