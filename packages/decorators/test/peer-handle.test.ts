import { describe, expect, it } from '@jest/globals';
import { memoryTransport } from '@pea2pea/core';
import { createPeer, Peer } from '@pea2pea/decorators';
import { decorate, preDestroy } from 'inversify';
import { lab, peerErrorOf, textCodec, until } from '@pea2pea/testing';
import { inMemory } from './lab.js';

const { own } = lab();

@Peer({ codec: textCodec() })
class Idle {}

@Peer({ codec: textCodec() })
class Stubborn {
  onDestroy() {
    throw new Error('not yet');
  }
}
// What @preDestroy() does under legacy decorators, in both modes.
decorate(preDestroy(), Stubborn, 'onDestroy');

describe('a peer handle', () => {
  it('tells where the node listens now', async () => {
    await using handle = own(await createPeer(Idle, { config: inMemory() }));
    expect(handle.address).toEqual(handle.node.address);
    expect(handle.address?.port).toBeGreaterThan(0);
    await handle.node.stopListening();
    expect(handle.address).toBeUndefined();
  });

  it('close may be called again: the calls join', async () => {
    const handle = own(await createPeer(Idle, { config: inMemory() }));
    const [first, second] = await Promise.all([handle.close(), handle.close()]);
    expect(second).toBe(first);
    expect(handle.node.state).toBe('closed');
  });

  it('a refused `timeoutMs` does not spoil the next close', async () => {
    const handle = own(await createPeer(Idle, { config: inMemory() }));
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => handle.close({ timeoutMs: -1 }));
    await handle.close({ timeoutMs: 100 });
    expect(handle.node.state).toBe('closed');
  });

  it('`closed` settles as close does, whoever called it', async () => {
    const handle = own(await createPeer(Idle, { config: inMemory() }));
    const { closed } = handle;
    expect(await handle.close()).toBe(await closed);
    const stubborn = own(await createPeer(Stubborn, { config: inMemory() }));
    await stubborn.close().catch(() => {});
    await expect(stubborn.closed).rejects.toThrow('not yet');
  });

  it('`await using` closes', async () => {
    let node;
    {
      await using handle = own(await createPeer(Idle, { config: inMemory() }));
      ({ node } = handle);
    }
    expect(node.state).toBe('closed');
  });

  it('a @preDestroy that throws rejects close, with the node closed', async () => {
    const handle = own(await createPeer(Stubborn, { config: inMemory() }));
    await expect(handle.close()).rejects.toThrow('not yet');
    expect(handle.node.state).toBe('closed');
  });
});

describe('closeOn', () => {
  const listeners = () => process.listenerCount('SIGUSR2');

  it('closes on a signal, listens to it once, and stops listening when closed', async () => {
    const before = listeners();
    const handle = own(await createPeer(Idle, { config: inMemory() }));
    expect(handle.closeOn('SIGUSR2').closeOn('SIGUSR2', 'SIGHUP')).toBe(handle);
    expect(listeners()).toBe(before + 1);
    process.emit('SIGUSR2');
    expect(handle.node.state).toBe('closing');
    process.emit('SIGUSR2');
    await until(() => listeners() === before);
    expect(handle.node.state).toBe('closed');
    expect(process.listenerCount('SIGHUP')).toBe(0);
  });

  it('stops listening, too, when close was called by hand', async () => {
    const before = listeners();
    const handle = (await createPeer(Idle, { config: inMemory() })).closeOn('SIGUSR2');
    await handle.close();
    expect(listeners()).toBe(before);
    handle.closeOn('SIGUSR2');
    expect(listeners()).toBe(before);
  });

  it('logs a close that fails, and the process sees no rejection', async () => {
    const errors: unknown[] = [];
    const silent = () => undefined;
    const logger = {
      debug: silent,
      info: silent,
      warn: silent,
      error: (fields: { err?: unknown }) => void errors.push(fields.err),
      child: () => logger,
    };
    const handle = own(await createPeer(Stubborn, { config: { transport: memoryTransport(), logger } }));
    handle.closeOn('SIGUSR2');
    process.emit('SIGUSR2');
    await until(() => errors.length > 0);
    expect(String(errors[0])).toContain('not yet');
  });
});
