import { describe, expect, it } from '@jest/globals';
import {
  decodeUtf8,
  defer,
  fitsUtf8,
  isPromise,
  LogThrottle,
  markHandled,
  rejected,
  whenSettled,
} from '@pea2pea/core/authoring';
import { ControlledClock } from '@pea2pea/core/testing';

describe('a log throttle', () => {
  it('lets one line through per interval and counts the others', () => {
    const clock = new ControlledClock();
    const throttle = new LogThrottle(clock, 1_000);
    const seen: number[] = [];
    const told = [1, 2, 3, 4, 5].map(() => throttle.run((suppressed) => seen.push(suppressed)));
    clock.advance(1_000);
    throttle.run((suppressed) => seen.push(suppressed));
    expect(seen).toEqual([0, 4]);
    expect(told).toEqual([true, false, false, false, false]);
    expect(clock.pending).toBe(0);
  });

  it('lets as many through as it is told, and begins again with the next interval', () => {
    const clock = new ControlledClock();
    const throttle = new LogThrottle(clock, 1_000, 3);
    const seen: number[] = [];
    const call = (): boolean => throttle.run((suppressed) => seen.push(suppressed));
    expect(Array.from({ length: 5 }, call)).toEqual([true, true, true, false, false]);
    clock.advance(1_000);
    expect(Array.from({ length: 4 }, call)).toEqual([true, true, true, false]);
    expect(seen).toEqual([0, 0, 0, 2, 0, 0]);
  });
});

describe('a deferred promise', () => {
  it('settles from outside, once', async () => {
    const deferred = defer<number>();
    deferred.resolve(1);
    deferred.resolve(2);
    deferred.reject(new Error('late'));
    expect(await deferred.promise).toBe(1);
  });

  it('that rejects hurts nobody who does not look, and is seen by those who do', async () => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', listener);
    const failure = new Error('failed');
    try {
      const deferred = defer();
      deferred.reject(failure);
      const others = [rejected(failure), markHandled(Promise.reject(failure))];
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).toEqual([]);
      for (const each of [deferred.promise, ...others]) await expect(each).rejects.toBe(failure);
    } finally {
      process.off('unhandledRejection', listener);
    }
  });
});

describe('a promise', () => {
  it('is whatever has a then', () => {
    const callable = Object.assign(() => {}, { then() {} });
    expect([Promise.resolve(), { then() {} }, callable].map(isPromise)).toEqual([true, true, true]);
    expect([undefined, null, 'then', {}, { then: 1 }, () => {}].map(isPromise)).toEqual(Array(6).fill(false));
  });

  it('of another library is heard once, in a later turn, whatever its then does', async () => {
    const heard: unknown[] = [];
    const odd = {
      then(onFulfilled: (value: unknown) => void): never {
        onFulfilled('first');
        onFulfilled('second');
        throw new Error('third');
      },
    };
    whenSettled(
      odd as unknown as PromiseLike<unknown>,
      (value) => heard.push(value),
      (error) => heard.push(error),
    );
    expect(heard).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toEqual(['first']);
  });
});

describe('UTF-8', () => {
  it('is decoded from a part of the bytes, a true U+FFFD included', () => {
    const bytes = Buffer.from('xäöü\ufffdx');
    expect(decodeUtf8(bytes, 1, bytes.length - 1)).toBe('äöü\ufffd');
    expect(decodeUtf8(bytes)).toBe('xäöü\ufffdx');
  });

  it('that is malformed is refused, also where a part cuts a character', () => {
    const refusal = 'the bytes are not UTF-8';
    expect(() => decodeUtf8(Buffer.from([0x61, 0xff]))).toThrow(refusal);
    expect(() => decodeUtf8(Buffer.from('ä'), 0, 1)).toThrow(refusal);
  });

  it.each([
    ['', 0, true],
    ['abc', 3, true],
    ['abc', 2, false],
    ['ää', 4, true],
    ['ää', 3, false],
    ['€', 3, true],
    ['😀', 4, true],
    ['😀', 3, false],
  ])('%p fits into %i bytes: %p', (text, limit, fits) => {
    expect(fitsUtf8(text, limit)).toBe(fits);
  });
});
