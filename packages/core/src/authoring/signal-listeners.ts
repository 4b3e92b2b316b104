import { callApart } from './call-apart.js';

interface Shared {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

/** Those that somebody waits on; a signal that nobody else holds goes, with all that wait on it. */
const signals = new WeakMap<AbortSignal, Shared>();

/**
 * Calls `callback` once, when `signal` aborts, which it has not yet. There is one listener for all that wait on a signal,
 * however many they are: Node warns of a leak where one has more than ten.
 *
 * note: {@link forgetAbort} takes the callback back. A callback that throws keeps no other from being called, and is an
 * uncaught exception.
 */
export function onAbort(signal: AbortSignal, callback: () => void): void {
  let shared = signals.get(signal);
  if (shared === undefined) {
    const callbacks = new Set<() => void>();
    const listener = (): void => {
      for (const each of callbacks) {
        callbacks.delete(each);
        callApart(each);
      }
      signals.delete(signal);
    };
    signal.addEventListener('abort', listener, { once: true });
    signals.set(signal, (shared = { callbacks, listener }));
  }
  shared.callbacks.add(callback);
}

/** It waits no more; the last one takes the listener away. Harmless twice, and after the signal aborted. */
export function forgetAbort(signal: AbortSignal, callback: () => void): void {
  const shared = signals.get(signal);
  if (shared === undefined) return;
  shared.callbacks.delete(callback);
  if (shared.callbacks.size > 0) return;
  signals.delete(signal);
  signal.removeEventListener('abort', shared.listener);
}
