// A program that takes its timers by name from the modules of Node, simulated.
import { clearInterval, setInterval } from 'node:timers';
import { setTimeout as wait } from 'node:timers/promises';
import { fakeGlobals, simulate } from '@pea2pea/testing';

const world = simulate();
const globals = fakeGlobals(world);
world.host('10.0.0.1', {
  async boot() {
    const ticks = setInterval(() => console.log('tick', new Date().toISOString()), 20 * 60_000);
    await wait(70 * 60_000);
    clearInterval(ticks);
    console.log('done', new Date().toISOString());
  },
});
await world.run('2 h');
globals.restore();
await wait(1);
console.log(new Date().getFullYear() === new Date(Date.now()).getFullYear());
