import { getEventListeners } from 'node:events';
import { describe, expect, it, jest } from '@jest/globals';
import { PeerError } from '@pea2pea/core';
import { aborted, CancellationSource, defer, raceAgainst } from '@pea2pea/core/authoring';

const why = new PeerError('P2P_ERR_ABORTED', 'not wanted');
const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('a cancellation', () => {
  it('tells each listener once, in order, and the signal, whenever that is asked for', () => {
    const calls: string[] = [];
    const source = new CancellationSource();
    const { signal } = source;
    source.add(() => calls.push('first'));
    const removed = (): void => void calls.push('removed');
    source.add(removed);
    source.add(() => calls.push('second'));
    source.remove(removed);
    signal.addEventListener('abort', () => calls.push('signal'));
    expect([source.reason, signal.aborted]).toEqual([undefined, false]);
    source.cancel(why);
    source.cancel(new PeerError('P2P_ERR_ABORTED', 'again'));
    expect(calls).toEqual(['first', 'second', 'signal']);
    expect([source.reason, signal.reason]).toEqual([why, why]);
    expect(() => source.throwIfCancelled()).toThrow(why);
    const late = new CancellationSource();
    late.cancel(why);
    expect(late.signal.reason).toBe(why);
  });

  it('tells the others, too, where a listener throws, which is an uncaught exception as of any event target', () => {
    const calls: string[] = [];
    const later: (() => void)[] = [];
    const nextTick = jest
      .spyOn(process, 'nextTick')
      .mockImplementation((call) => void later.push(call as () => void));
    try {
      const source = new CancellationSource();
      source.add(() => {
        throw new Error('a bug');
      });
      source.add(() => calls.push('told'));
      source.cancel(why);
    } finally {
      nextTick.mockRestore();
    }
    expect(calls).toEqual(['told']);
    expect(() => later[0]!()).toThrow('a bug');
  });
});

describe('a race against a signal', () => {
  it('settles as the work does, and leaves no listener', async () => {
    const { signal } = new AbortController();
    const failure = new Error('failed');
    expect(await raceAgainst(signal, () => Promise.resolve(7))).toBe(7);
    await expect(raceAgainst(signal, () => Promise.reject(failure))).rejects.toBe(failure);
    const throwing = raceAgainst(signal, () => {
      throw failure;
    });
    await expect(throwing).rejects.toBe(failure);
    expect(listenersOf(signal)).toBe(0);
  });

  it('rejects when it aborts, with its reason as cause, and leaves the work to itself', async () => {
    const abort = new AbortController();
    const work = defer<number>();
    const race = raceAgainst(abort.signal, () => work.promise, 'the search');
    abort.abort('bored');
    await expect(race).rejects.toMatchObject({
      code: 'P2P_ERR_ABORTED',
      what: 'the search was aborted',
      cause: 'bored',
    });
    expect(listenersOf(abort.signal)).toBe(0);
    work.reject(new Error('nobody hears of it'));
  });

  it('does not begin what is not wanted at the call', async () => {
    const work = jest.fn(() => Promise.resolve());
    await expect(raceAgainst(AbortSignal.abort('early'), work)).rejects.toMatchObject({ cause: 'early' });
    expect(work).not.toHaveBeenCalled();
  });

  it('may be against a cancellation, or against nothing', async () => {
    const source = new CancellationSource();
    const race = raceAgainst(source, () => new Promise(() => {}));
    source.cancel(why);
    await expect(race).rejects.toBe(why);
    await expect(raceAgainst(source, () => Promise.resolve(1))).rejects.toBe(why);
    expect(await raceAgainst(undefined, () => Promise.resolve(1))).toBe(1);
  });

  it('is refused where that is neither, before the work begins', async () => {
    const work = jest.fn(() => Promise.resolve());
    await expect(raceAgainst(new AbortController() as never, work)).rejects.toMatchObject({
      code: 'P2P_ERR_INVALID_CONFIG',
    });
    expect(work).not.toHaveBeenCalled();
  });

  it('takes a foreign thenable as promises do: once', async () => {
    const { signal } = new AbortController();
    const odd = {
      then(onFulfilled: (value: string) => void, onRejected: (error: Error) => void) {
        onFulfilled('first');
        onFulfilled('second');
        onRejected(new Error('third'));
      },
    };
    expect(await raceAgainst(signal, () => odd as unknown as PromiseLike<string>)).toBe('first');
  });
});

it('what was aborted is P2P_ERR_ABORTED with the reason of the signal', () => {
  expect(aborted('the dial', AbortSignal.abort('bored'))).toMatchObject({
    code: 'P2P_ERR_ABORTED',
    what: 'the dial was aborted',
    cause: 'bored',
  });
});
