// A scenario whose process dies of some seeds.
export default {
  async run(world) {
    if (world.seed === 3) process.exit(7);
    if (world.seed === 4) setImmediate(() => Promise.reject(new Error('by itself')));
    await world.run('1 s');
    await new Promise((resolve) => setTimeout(resolve, world.seed === 4 ? 60_000 : 0));
  },
};
