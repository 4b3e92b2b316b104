import type { Dice } from './dice.js';

const trap = (): never => {
  throw new Error('a trap of an odd value');
};

/** What user code throws at the worst: values that hurt who looks at them, prints them, or waits for them. */
const ODD_VALUES: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => Symbol('odd'),
  () => JSON.parse('{"toString":0,"valueOf":0,"then":0,"message":{}}') as unknown,
  () => Object.create(null) as unknown,
  () => Object.defineProperties(new Error(), { stack: { get: trap }, message: { get: trap } }),
  () => Object.defineProperties({}, { code: { get: trap }, name: { get: trap }, then: { get: trap } }),
  () => new Proxy(new Error('behind a proxy'), { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap }),
  () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  () => {
    const error = new Error('round');
    error.cause = error;
    return error;
  },
  () => 'huge'.repeat(1024 * 1024),
  () => new Error('huge'.repeat(1024 * 1024)),
];

export function oddValue(dice: Dice): unknown {
  return dice.pick(ODD_VALUES)!();
}
