import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { forgetAbort, onAbort } from '@pea2pea/core/authoring';
import { inMemory, join, lab, listen } from '@pea2pea/testing';

const { makeNode } = lab();

const USERS = 50;
const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('one signal of many waits', () => {
  it('has one listener, which calls each of them once and goes with the last', () => {
    const { signal } = new AbortController();
    const callbacks = Array.from({ length: USERS }, () => () => {});
    for (const callback of callbacks) onAbort(signal, callback);
    expect(listenersOf(signal)).toBe(1);
    for (const callback of callbacks.slice(1)) {
      forgetAbort(signal, callback);
      forgetAbort(signal, callback);
      expect(listenersOf(signal)).toBe(1);
    }
    forgetAbort(signal, callbacks[0]!);
    expect(listenersOf(signal)).toBe(0);
  });

  it('calls those that wait when it aborts, in order, and leaves none behind', () => {
    const abort = new AbortController();
    const calls: number[] = [];
    const callbacks = [1, 2, 3].map((number) => () => void calls.push(number));
    for (const callback of callbacks) onAbort(abort.signal, callback);
    forgetAbort(abort.signal, callbacks[1]!);
    abort.abort();
    expect(calls).toEqual([1, 3]);
    expect(listenersOf(abort.signal)).toBe(0);
    for (const callback of callbacks) forgetAbort(abort.signal, callback);
  });

  it('one that leaves while they are called is not called', () => {
    const abort = new AbortController();
    const calls: string[] = [];
    const second = (): void => void calls.push('second');
    onAbort(abort.signal, () => {
      calls.push('first');
      forgetAbort(abort.signal, second);
    });
    onAbort(abort.signal, second);
    abort.abort();
    expect(calls).toEqual(['first']);
  });

  it('is listened to once by all sends and dials that were given it', async () => {
    const abort = new AbortController();
    const network = inMemory();
    const a = makeNode({ ...network, maxConnectionsPerIp: 2 * USERS });
    const b = makeNode(
      { ...network, maxConnectionsPerIp: 2 * USERS },
      { onHandshake: ({ direction }) => (direction === 'inbound' ? undefined : new Promise(() => {})) },
    );
    const [connection] = await join(a, b);
    const { signal } = abort;
    const sends = Array.from({ length: USERS }, () => connection.send('x', { signal }));
    expect(listenersOf(signal)).toBe(1);
    await Promise.all(sends);
    expect(listenersOf(signal)).toBe(0);

    const targets = Array.from({ length: USERS }, () => makeNode(network));
    const dials: Promise<unknown>[] = [];
    for (const target of targets) dials.push(b.node.connect(await listen(target), { signal }));
    expect(listenersOf(signal)).toBe(1);
    abort.abort('enough');
    for (const dial of dials) await expect(dial).rejects.toMatchObject({ code: 'P2P_ERR_ABORTED' });
    expect(listenersOf(signal)).toBe(0);
  });
});
