import type { Clock } from '@pea2pea/core';
import type { Dice } from './dice.js';
import { pause } from './time.js';

type Callback = (value?: unknown) => void;

/** Who hears of what a thenable does. */
export interface Witness {
  readonly clock: Clock;
  /** It has settled, for those who take it as promises do. */
  settled(): void;
  /** Throws, and remembers that a hook did. */
  throw(what: string): never;
}

/** What a handler returns that is nearly a promise, and does not do as promises do. */
export function oddThenable(dice: Dice, { clock, settled, ...witness }: Witness): Promise<void> {
  const later = (): Promise<void> => pause(clock, dice.integer(1, 30));
  const kinds: readonly (() => object)[] = [
    () => ({
      // It calls back more than once, with different words.
      then(resolve: Callback, reject: Callback) {
        void later().then(() => {
          settled();
          resolve();
          resolve();
          reject(new Error('too late'));
        });
      },
    }),
    () => ({
      // It throws after it has called back.
      then(resolve: Callback) {
        settled();
        resolve();
        throw new Error('too late');
      },
    }),
    () => ({
      then() {
        settled();
        witness.throw('then throws');
      },
    }),
    () => ({
      get then() {
        settled();
        return witness.throw('there is no then');
      },
    }),
    () => ({
      // It resolves to another one.
      then(resolve: Callback) {
        resolve({
          then(resolveInner: Callback) {
            void later().then(() => {
              settled();
              resolveInner();
              resolve();
            });
          },
        });
      },
    }),
  ];
  // The types ask for a promise of the language; plain JavaScript and other libraries do not.
  return dice.pick(kinds)!() as Promise<void>;
}
