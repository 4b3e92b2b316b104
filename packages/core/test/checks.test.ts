import { describe, expect, it } from '@jest/globals';
import { PeerError } from '@pea2pea/core';
import {
  describe as describeValue,
  invalidConfig,
  MAX_TIMER_MS,
  requireBoolean,
  requireBytes,
  requireFunction,
  requireInteger,
  requireKnown,
  requireMethods,
  requireNumber,
  requireObject,
  requireOneOf,
  requireSchema,
  requireSignal,
  requireString,
  requireTimeout,
} from '@pea2pea/core/authoring';
import { hostileValues } from '@pea2pea/testing';

const refusal = (check: () => unknown): string => {
  let thrown: unknown;
  try {
    check();
  } catch (error) {
    thrown = error;
  }
  if (!PeerError.is(thrown, 'P2P_ERR_INVALID_CONFIG')) throw new Error(`threw ${describeValue(thrown)}`);
  return thrown.what;
};

describe('a check of an option', () => {
  it.each<[check: () => unknown, returns: unknown]>([
    [() => requireInteger('n', 0), 0],
    [() => requireInteger('n', -3, { min: -5, max: -3 }), -3],
    [() => requireNumber('n', 0.5, { max: 0.5 }), 0.5],
    [() => requireTimeout('ms', MAX_TIMER_MS), MAX_TIMER_MS],
    [() => requireTimeout('ms', 0, { min: 0 }), 0],
    [() => requireBoolean('flag', false), false],
    [() => requireString('name', 'x'), 'x'],
    [() => requireString('name', '', { min: 0 }), ''],
    [() => requireOneOf('mode', 'b', ['a', 'b']), 'b'],
    [() => requireFunction('hook', Number.isNaN), Number.isNaN],
  ])('returns what it takes: %s', (check, returns) => {
    expect(check()).toBe(returns);
  });

  it('is refused as a mistake where the option is computed and that throws', () => {
    const options = {
      get limit(): number {
        throw new Error('not now');
      },
    };
    expect(refusal(() => requireKnown('the options of x()', options, ['limit']))).toBe(
      'the options of x() cannot be read: not now',
    );
  });

  it('takes bytes of any kind of Uint8Array, as they are', () => {
    for (const bytes of [Buffer.from('key'), new Uint8Array(3)]) {
      expect(requireBytes('key', bytes, { min: 3, max: 3 })).toBe(bytes);
    }
  });

  it.each<[check: () => unknown, says: string]>([
    [() => requireInteger('n', 1.5), '`n` must be a whole number of at least 0, not 1.5'],
    [() => requireInteger('n', 2 ** 53), '`n` must be a whole number of at least 0, not 9007199254740992'],
    [() => requireInteger('n', '5', { min: 1, max: 9 }), '`n` must be a whole number from 1 to 9, not "5"'],
    [() => requireNumber('n', NaN), '`n` must be a number of at least 0, not NaN'],
    [() => requireNumber('n', Infinity, { max: 1 }), '`n` must be a number from 0 to 1, not Infinity'],
    [() => requireTimeout('ms', 0), '`ms` must be a whole number from 1 to 2147483647, not 0'],
    [() => requireTimeout('ms', 2 ** 31), '`ms` must be a whole number from 1 to 2147483647, not 2147483648'],
    [() => requireBoolean('flag', 1), '`flag` must be true or false, not 1'],
    [() => requireString('name', ''), '`name` must be a string, not empty, not ""'],
    [() => requireString('name', 7, { min: 0 }), '`name` must be a string, not 7'],
    [
      () => requireString('name', 'abc', { max: 2 }),
      '`name` must be a string of 1 to 2 characters, not "abc"',
    ],
    [() => requireOneOf('mode', 'c', ['a', 'b']), '`mode` must be "a" or "b", not "c"'],
    [() => requireBytes('key', 'abc'), '`key` must be a Uint8Array, not a string'],
    [() => requireBytes('key', [1]), '`key` must be a Uint8Array, not an array of 1'],
    [
      () => requireBytes('key', new Uint8Array(31), { min: 32, max: 32 }),
      '`key` must be a Uint8Array of 32 bytes, not 31 bytes',
    ],
    [() => requireFunction('hook', {}), '`hook` must be a function, not an object'],
    [() => requireObject('it', null), '`it` must be an object, not null'],
    [
      () => requireMethods('it', { a() {} }, ['a', 'b']),
      '`it` must have a method b(), which an object does not have',
    ],
    [
      () => requireSignal('signal', new AbortController()),
      '`signal` must have a method addEventListener(), which an instance of AbortController does not have',
    ],
    [
      () => requireSignal('signal', { addEventListener() {}, removeEventListener() {} }),
      '`signal` must be an AbortSignal, not an object',
    ],
    [
      () => requireSchema('params', { '~standard': { version: 2, validate() {} } }),
      '`params` must be a Standard Schema of version 1 (https://standardschema.dev), not an object',
    ],
  ])('says what it must be: %s', (check, says) => {
    expect(refusal(check)).toBe(says);
  });

  it('knows methods that are inherited', () => {
    class Base {
      on(): void {}
    }
    requireMethods('it', new (class extends Base {})(), ['on']);
    requireSignal('signal', new AbortController().signal);
  });

  it('takes the prototype of a signal for none', () => {
    expect(refusal(() => requireSignal('signal', Object.create(AbortSignal.prototype)))).toContain(
      '`signal`',
    );
  });

  it.each(hostileValues())('refuses %s with a PeerError, and prints nothing of it', (_what, make) => {
    const checks: ((value: unknown) => void)[] = [
      (value) => requireObject('it', value),
      (value) => requireKnown('the options', value, []),
      (value) => requireInteger('it', value),
      (value) => requireNumber('it', value),
      (value) => requireTimeout('it', value),
      (value) => requireBoolean('it', value),
      (value) => requireString('it', value, { max: 5 }),
      (value) => requireOneOf('it', value, ['a']),
      (value) => requireBytes('it', value),
      (value) => requireFunction('it', value),
      (value) => requireMethods('it', value, ['a', 'then']),
      (value) => requireSignal('it', value),
      (value) => requireSchema('it', value),
    ];
    let refused = 0;
    for (const check of checks) {
      try {
        check(make().value);
      } catch (error) {
        refused++;
        expect([describeValue(error), PeerError.is(error, 'P2P_ERR_INVALID_CONFIG')]).toEqual([
          expect.anything(),
          true,
        ]);
        expect(describeValue(error)).not.toContain('secret');
        expect(describeValue(error).length).toBeLessThan(1_000);
      }
    }
    expect(refused).toBeGreaterThan(checks.length - 4);
  });
});

describe('known options', () => {
  it('are the listed ones, and nothing that every object has', () => {
    requireKnown('the options of rooms()', { size: undefined }, ['size', 'name']);
    const check = (options: unknown) => () => requireKnown('the options of rooms()', options, ['size']);
    expect(refusal(check({ siez: 1 }))).toBe('the options of rooms() have no `siez`');
    expect(refusal(check({ toString: 1 }))).toBe('the options of rooms() have no `toString`');
    expect(refusal(check({ 'a\nb': 1 }))).toBe('the options of rooms() have no `a\\nb`');
    expect(refusal(check([]))).toBe('the options of rooms() must be an object, not an array of 0');
    expect(refusal(check(undefined))).toBe('the options of rooms() must be an object, not undefined');
  });
});

describe('the error of a check of your own', () => {
  it('has the code of all of them, and a cause where one is given', () => {
    const cause = new Error('underneath');
    expect(invalidConfig('`a` is above `b`', cause)).toMatchObject({
      code: 'P2P_ERR_INVALID_CONFIG',
      what: '`a` is above `b`',
      cause,
    });
    expect('cause' in invalidConfig('`a` is above `b`')).toBe(false);
  });
});
