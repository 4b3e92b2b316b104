import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { simulate } from '@pea2pea/testing';
// @ts-expect-error a plain program, which other versions of Node run, too
import { rumour } from './programs/rumour.mjs';

const program = fileURLToPath(new URL('./programs/print-rumour.mjs', import.meta.url));
const run = rumour as (seed: number) => Promise<string>;
const inProcess = (seed: number): string =>
  execFileSync(process.execPath, [program, String(seed)], { encoding: 'utf8' }).trim();

describe('the same seed has the same trace, byte for byte', () => {
  it('twice in one process', async () => {
    const first = await run(7);
    expect(await run(7)).toBe(first);
    expect(await run(8)).not.toBe(first);
  });

  it('in another process', async () => {
    expect(inProcess(7)).toBe(await run(7));
  });
});

it('a host more leaves what happens to the others as it was', async () => {
  const distance = async (extra: boolean): Promise<number> => {
    const world = simulate({ seed: 3 });
    const [a, b] = [world.host('10.0.0.1'), world.host('10.0.0.2')];
    if (extra) world.host('10.0.0.3');
    const events = { onLink: () => {}, onPeerGone: () => {}, onAcceptError: () => {} };
    const { SocketAddress } = await import('@pea2pea/core');
    const { CancellationSource } = await import('@pea2pea/core/authoring');
    const address = new SocketAddress('10.0.0.2', 1);
    const options = { reusePort: false, noDelay: true, keepAlive: true };
    await world.drive(b.config.transport.listen({ address, backlog: 1, ...options }, events));
    await world.drive(
      a.config.transport.connect(address, { ...options, cancellation: new CancellationSource() }),
    );
    return world.nowMs;
  };
  expect(await distance(true)).toBe(await distance(false));
});
