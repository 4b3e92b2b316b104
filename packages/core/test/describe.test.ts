import { describe as group, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PeerError } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';
import { hostileValues } from '@pea2pea/testing';

const LONGEST = 700;

group('describe', () => {
  it.each(hostileValues())('neither throws nor runs code of %s, in one short line', (_name, make) => {
    const { value, calls } = make();
    const line = describe(value);
    expect(line.length).toBeGreaterThan(0);
    expect(line.length).toBeLessThan(LONGEST);
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    expect(line).not.toContain('secret');
    expect(calls()).toBe(0);
  });

  it('takes anything at all', () => {
    const anything = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
    });
    fc.assert(
      fc.property(anything, anything, (value, message) => {
        const error = Object.assign(new Error('fine'), { message, name: value, code: value, cause: value });
        for (const each of [value, error, { value }, [value], Object.create(error) as unknown]) {
          const line = describe(each);
          expect(line.length).toBeLessThan(LONGEST);
          expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
        }
      }),
    );
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['-0.5', -0.5],
    ['12n', 12n],
    ['a large bigint', 2n ** 64n],
    ['"boom"', 'boom'],
    ['"say \\"no\\""', 'say "no"'],
    ['"two\\nlines\\u{2028}\\u{202e}"', 'two\nlines\u2028\u202e'],
    [`"${'x'.repeat(300)}…"`, 'x'.repeat(301)],
    ['Symbol(mark)', Symbol('mark')],
    ['a function', () => 1],
    ['the function isInteger', Number.isInteger],
    ['an object', { password: 'secret' }],
    ['an object', Object.create(null)],
    ['an array of 2', ['secret', 'secret']],
    ['an instance of Map', new Map([['secret', 1]])],
    ['a proxy', new Proxy([], {})],
    ['it broke', new Error('it broke')],
    ['TypeError: it broke', new TypeError('it broke')],
    ['Error', new Error('')],
    ['AggregateError (ECONNREFUSED)', Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' })],
    ['a\\r\\n\\tb', new Error('a\r\n\tb')],
    [/^where\?; give `\{ host, port \}`/, new PeerError('P2P_ERR_NO_LISTEN_ADDRESS', 'where?')],
    ['AbortError: This operation was aborted', AbortSignal.abort().reason],
  ])('returns %p for %p', (line, value) => {
    if (typeof line === 'string') expect(describe(value)).toBe(line);
    else expect(describe(value)).toMatch(line);
  });
});

group('PeerError.is', () => {
  it.each(hostileValues())('neither throws nor runs code of %s', (_name, make) => {
    const { value, calls } = make();
    PeerError.is(value);
    PeerError.is(value, 'P2P_ERR_DISCONNECTED');
    expect(calls()).toBe(0);
  });

  it('takes no code that the table of errors does not have of its own', () => {
    const forged = Object.assign(new Error('forged'), { name: 'PeerError', code: 'toString' });
    expect(PeerError.is(forged)).toBe(false);
    expect(PeerError.is(Object.assign(forged, { code: 'P2P_ERR_DISCONNECTED' }))).toBe(true);
  });
});
