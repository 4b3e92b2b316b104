import { describe, expect, it } from '@jest/globals';
import { SocketAddress, type Link } from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import { simulate, type SimHost, type SimulationOptions, type World } from '@pea2pea/testing';
import { two } from './simulation-lab.js';

const OPTIONS = { noDelay: true, keepAlive: true };

/** Two bare links. */
async function links(options: SimulationOptions = {}): Promise<{
  world: World;
  hosts: readonly [SimHost, SimHost];
  here: Link;
  there: Link;
}> {
  const world = simulate({ seed: 2, latencyMs: 10, jitterMs: 0, splitPercent: 0, ...options });
  const hosts = [world.host('10.0.0.1'), world.host('10.0.0.2')] as const;
  const accepted: Link[] = [];
  const address = new SocketAddress('10.0.0.2', 4000);
  await world.drive(
    hosts[1].config.transport.listen(
      { address, backlog: 4, reusePort: false, ...OPTIONS },
      { onLink: (link) => accepted.push(link), onPeerGone: () => {}, onAcceptError: () => {} },
    ),
  );
  const cancellation = new CancellationSource();
  const here = await world.drive(hosts[0].config.transport.connect(address, { ...OPTIONS, cancellation }));
  await world.until('it is accepted', () => accepted.length === 1);
  return { world, hosts, here, there: accepted[0]! };
}

/** What arrives, with its time. */
function arrivals(
  world: World,
  link: Link,
): { readonly at: number[]; readonly sizes: number[]; total(): number } {
  const at: number[] = [];
  const sizes: number[] = [];
  link.stream.on('data', (chunk: Buffer) => {
    at.push(world.nowMs);
    sizes.push(chunk.length);
  });
  link.stream.resume();
  return { at, sizes, total: () => sizes.reduce((sum, size) => sum + size, 0) };
}

describe('a link', () => {
  it('takes its latency, and a connection one and a half round trips', async () => {
    const { world, here, there } = await links();
    expect(world.nowMs).toBe(30);
    const seen = arrivals(world, there);
    here.stream.write('x');
    await world.run('1 s');
    expect(seen.at).toEqual([40]);
  });

  it('takes as long as its bandwidth says, for both together where two share it', async () => {
    const { world, here, there } = await links({ bandwidth: '10 KB/s' });
    const seen = arrivals(world, there);
    here.stream.write(Buffer.alloc(5_000));
    here.stream.write(Buffer.alloc(5_000));
    const startMs = world.nowMs;
    await world.until('all is there', () => seen.total() === 10_000);
    expect(world.nowMs - startMs).toBeCloseTo(1_010, 0);
  });

  it('carries a window a round trip', async () => {
    const { world, here, there } = await links({ windowBytes: 1_000, sendBufferBytes: 1_000 });
    const seen = arrivals(world, there);
    const startMs = world.nowMs;
    here.stream.write(Buffer.alloc(10_000));
    await world.until('all is there', () => seen.total() === 10_000);
    expect(world.nowMs - startMs).toBe(190);
  });

  it('a slow reader stops the writer: no more than buffers and window are on the way', async () => {
    const { world, here, there } = await links({ windowBytes: 10_000, sendBufferBytes: 5_000 });
    let written = 0;
    for (let count = 0; count < 100; count++) here.stream.write(Buffer.alloc(1_000), () => written++);
    await world.run('1 h');
    expect(written).toBe(15);
    const seen = arrivals(world, there);
    await world.until('all is there', () => seen.total() === 100_000);
    expect(written).toBe(100);
  });

  it('cuts and joins bytes anywhere, and loses none', async () => {
    const cuts = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const { world, here, there } = await links({ seed, splitPercent: 50, jitterMs: 20 });
      const seen = arrivals(world, there);
      for (let count = 0; count < 10; count++) {
        here.stream.write(Buffer.alloc(10));
        await world.run(1);
      }
      await world.run('1 s');
      expect(seen.total()).toBe(100);
      for (const size of seen.sizes) cuts.add(size);
    }
    expect(Math.max(...cuts)).toBeGreaterThan(10);
    expect(Math.min(...cuts)).toBe(1);
    expect(cuts.size).toBeGreaterThan(10);
  });

  it('what is lost is sent again, and holds up what comes after it', async () => {
    const { world, here, there } = await links({ lossPercent: 60 });
    const seen: string[] = [];
    there.stream.on('data', (chunk: Buffer) => seen.push(chunk.toString())).resume();
    const startMs = world.nowMs;
    for (let count = 0; count < 10; count++) here.stream.write(String(count));
    await world.run('10 min');
    expect(seen.join('')).toBe('0123456789');
    expect(world.nowMs).toBeGreaterThan(startMs + 200);
  });

  it('who closes with bytes unread resets', async () => {
    const { world, here, there } = await links();
    const errors: unknown[] = [];
    here.stream.on('error', (error) => errors.push(error)).resume();
    here.stream.write('never read');
    await world.run(100);
    there.stream.destroy();
    await world.run(100);
    expect(errors).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  it('who closes with bytes under way has them arrive, and an end', async () => {
    const { world, here, there } = await links({ windowBytes: 1_000, sendBufferBytes: 100_000 });
    const seen = arrivals(world, there);
    let hasEnded = false;
    there.stream.on('end', () => (hasEnded = true));
    here.stream.end(Buffer.alloc(50_000));
    await world.run(1);
    here.stream.destroy();
    await world.run('10 s');
    expect([seen.total(), hasEnded]).toEqual([50_000, true]);
  });

  it('a reset that nobody reads shows when somebody writes', async () => {
    const { world, here, there } = await links();
    here.reset();
    await world.run('1 min');
    expect(there.stream.destroyed).toBe(false);
    const error = await world.drive(new Promise((resolve) => there.stream.write('x', resolve)));
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('a connection between nodes', () => {
  it('is orderly at both ends', async () => {
    const { world, a, b, here } = await two();
    for (let count = 0; count < 100; count++) await world.drive(here.send(`line ${count}`));
    await world.drive(a.node.close());
    await world.run('10 s');
    expect(b.heard).toHaveLength(100);
    expect([a.gone, b.gone]).toMatchObject([
      [{ origin: 'shutdown' }],
      [{ origin: 'reading', cause: 'ended' }],
    ]);
    expect([world.connections, a.node.connections.size, b.node.connections.size]).toEqual([0, 0, 0]);
    await world.drive(b.node.close());
  });

  it('leaves no timer when its nodes are closed', async () => {
    const { world, a, b } = await two();
    await world.drive(Promise.all([a.node.close(), b.node.close()]));
    expect([a.host.clock.pending, b.host.clock.pending]).toEqual([0, 0]);
    expect(world.connections).toBe(0);
  });
});

it('what comes to a stream that is read at once is as what was pushed: it can be paused, have an encoding, be iterated', async () => {
  const { world, here, there } = await two({ splitPercent: 0 });
  const { stream } = await world.drive(there.detach());
  const heard: unknown[] = [];
  const onData = (chunk: unknown): void => {
    heard.push(chunk);
    if (heard.length === 2) stream.pause();
  };
  stream.on('data', onData);
  stream.resume();
  const say = async (word: string): Promise<void> => {
    here.trySend(word);
    await world.run('1 s');
  };
  for (const word of ['one', 'two', 'three']) await say(word);
  expect(heard.map(String)).toEqual(['one\n', 'two\n']);
  expect([stream.readableLength, stream.readableFlowing]).toEqual([6, false]);

  stream.setEncoding('utf8');
  stream.resume();
  await world.run('1 s');
  await say('four');
  expect(heard.slice(2)).toEqual(['three\n', 'four\n']);

  stream.off('data', onData);
  const next = stream[Symbol.asyncIterator]().next();
  await say('five');
  expect(await next).toEqual({ done: false, value: 'five\n' });
});
