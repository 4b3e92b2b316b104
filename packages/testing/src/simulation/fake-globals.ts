import { AsyncLocalStorage } from 'node:async_hooks';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Clock, Random } from '@pea2pea/core';
import { chanceOf } from './chance.js';
import { HostImmediate, HostTimeout } from './host-timers.js';
import type { World } from './world.js';

/** What stands for the system while a process of a host runs. */
interface HostSystem {
  readonly clock: Clock;
  readonly random: Random;
}

const running = new AsyncLocalStorage<HostSystem>();
/** How many worlds have asked for it. */
let worlds = 0;
let restore = (): void => {};

/**
 * Has timers, dates and chance of the system be those of a host, for code that runs on a host of `world`: in its `boot`, in the
 * hooks of its nodes, and in all that these begin. So programs that know nothing of a simulation can be simulated. Code
 * outside of the hosts, such as a test runner, has those of the system as before.
 *
 * ```ts
 * const globals = fakeGlobals(world);
 * world.host('10.0.0.1', { boot: () => void setInterval(() => console.log(new Date()), 60_000) });
 * await world.run('1 h');
 * globals.restore();
 * ```
 *
 * note: these are `setTimeout`, `setInterval`, `setImmediate` and what clears them, as globals, of `node:timers` and of
 * `node:timers/promises`; `Date`, `performance.now`, `process.hrtime`, `Math.random`, `AbortSignal.timeout`.
 * note: timers die with the process of their host, drift with its clock, and wait while it stands still.
 * note: functions that were taken from the globals before this call are those of the system. Call it first.
 * note: not faked: files, sockets, other processes, `node:crypto`, and what libraries in other languages do.
 * @returns what has the globals be as before, for `using` or by `restore()`; harmless when repeated.
 */
export function fakeGlobals(world: World): Disposable & { restore(): void } {
  let count = 0;
  world.enterHosts(({ address, config: { clock } }) => {
    const system = { clock, random: chanceOf(world.seed, `globals of ${address}, ${++count}`) };
    return (run) => running.run(system, run);
  });
  if (worlds++ === 0) restore = install();
  let isRestored = false;
  const end = (): void => {
    if (isRestored) return;
    isRestored = true;
    world.enterHosts(undefined);
    if (--worlds === 0) restore();
  };
  return { restore: end, [Symbol.dispose]: end };
}

/** Replaces what is global; what is returned puts it back. */
function install(): () => void {
  const puts: (() => void)[] = [];
  const put = (target: object, name: string, value: unknown): void => {
    const before = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, {
      value,
      configurable: true,
      writable: true,
      enumerable: before?.enumerable ?? true,
    });
    puts.unshift(() => {
      if (before === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, before);
    });
  };
  const globals = fakes();
  for (const [name, value] of Object.entries(globals.everywhere)) {
    put(globalThis, name, value);
    if (name in timers) put(timers, name, value);
  }
  for (const [name, value] of Object.entries(globals.promises)) put(timersPromises, name, value);
  put(globalThis, 'Date', globals.Date);
  put(performance, 'now', globals.now);
  put(process, 'hrtime', globals.hrtime);
  put(Math, 'random', globals.random);
  put(AbortSignal, 'timeout', globals.timeout);
  syncBuiltinESMExports();
  return () => {
    for (const back of puts) back();
    syncBuiltinESMExports();
  };
}

type Callback = (...args: unknown[]) => void;

/** The functions that ask for the host, and where there is none pass on to those of the system. */
function fakes() {
  const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } = globalThis;
  const System = globalThis.Date;
  const systemNow = performance.now.bind(performance);
  const { hrtime } = process;
  const systemRandom = Math.random;
  const systemTimeout = AbortSignal.timeout.bind(AbortSignal);
  const real = { ...timersPromises };

  const timeout =
    (repeats: boolean, system: typeof setTimeout | typeof setInterval) =>
    (callback: Callback, delayMs?: number, ...args: unknown[]): unknown => {
      const host = running.getStore();
      if (host === undefined) return system(callback, delayMs, ...args);
      requireFunction(callback);
      return new HostTimeout(host.clock, () => callback(...args), delayMs, repeats);
    };
  const clear =
    (system: (handle: never) => void) =>
    (handle?: unknown): void => {
      const own = HostTimeout.of(handle);
      if (own !== undefined) own.close();
      else system(handle as never);
    };
  const fakeTimeout = (delayMs?: number, value?: unknown, options: WaitOptions = {}): Promise<unknown> => {
    const host = running.getStore();
    if (host === undefined) return real.setTimeout(delayMs, value, options);
    return wait(options, value, (done) => {
      const timer = new HostTimeout(host.clock, done, delayMs, false);
      return () => void timer.close();
    });
  };
  const fakeImmediate = (value?: unknown, options: WaitOptions = {}): Promise<unknown> => {
    const host = running.getStore();
    if (host === undefined) return real.setImmediate(value, options);
    return wait(options, value, (done) => {
      const turn = new HostImmediate(host.clock, done);
      return () => turn.close();
    });
  };
  async function* ticks(
    delayMs?: number,
    value?: unknown,
    options: WaitOptions = {},
  ): AsyncGenerator<unknown> {
    for (;;) yield await fakeTimeout(delayMs, value, options);
  }

  return {
    everywhere: {
      setTimeout: Object.assign(timeout(false, setTimeout), { [promisify.custom]: fakeTimeout }),
      setInterval: timeout(true, setInterval),
      setImmediate: Object.assign(
        (callback: Callback, ...args: unknown[]): unknown => {
          const host = running.getStore();
          if (host === undefined) return setImmediate(callback, ...args);
          requireFunction(callback);
          return new HostImmediate(host.clock, () => callback(...args));
        },
        { [promisify.custom]: fakeImmediate },
      ),
      clearTimeout: clear(clearTimeout),
      clearInterval: clear(clearInterval),
      clearImmediate: (handle?: unknown): void => {
        if (handle instanceof HostImmediate) handle.close();
        else clearImmediate(handle as never);
      },
    },
    promises: {
      setTimeout: fakeTimeout,
      setImmediate: fakeImmediate,
      setInterval: (delayMs?: number, value?: unknown, options?: WaitOptions) =>
        running.getStore() === undefined
          ? real.setInterval(delayMs, value, options)
          : ticks(delayMs, value, options),
      scheduler: {
        wait: (delayMs: number, options?: WaitOptions) => fakeTimeout(delayMs, undefined, options),
        yield: () => fakeImmediate(),
      },
    },
    Date: dateOf(System),
    now: (): number => running.getStore()?.clock.now() ?? systemNow(),
    hrtime: Object.assign(
      (before?: [number, number]): [number, number] => {
        const host = running.getStore();
        if (host === undefined) return hrtime(before);
        const [seconds, nanos] = before ?? [0, 0];
        const passed = nanosOf(host) - BigInt(seconds) * NANOS_PER_S - BigInt(nanos);
        return [Number(passed / NANOS_PER_S), Number(passed % NANOS_PER_S)];
      },
      {
        bigint: (): bigint => {
          const host = running.getStore();
          return host === undefined ? hrtime.bigint() : nanosOf(host);
        },
      },
    ),
    random: (): number => running.getStore()?.random.next() ?? systemRandom(),
    timeout: (delayMs: number): AbortSignal => {
      const host = running.getStore();
      if (host === undefined) return systemTimeout(delayMs);
      const controller = new AbortController();
      const why = 'The operation was aborted due to timeout';
      const abort = (): void => controller.abort(new DOMException(why, 'TimeoutError'));
      void new HostTimeout(host.clock, abort, delayMs, false);
      return controller.signal;
    },
  };
}

const NANOS_PER_S = 1_000_000_000n;

function nanosOf({ clock }: HostSystem): bigint {
  return BigInt(Math.round(clock.now() * 1_000_000));
}

/** `Date`, which without arguments is that of the host. */
function dateOf(System: DateConstructor): DateConstructor {
  const now = (): number => {
    const host = running.getStore();
    return host === undefined ? System.now() : Math.floor(host.clock.date());
  };
  const Fake: DateConstructor = new Proxy(System, {
    construct: (target, args: [], newTarget: new () => Date) =>
      Reflect.construct(
        target,
        args.length === 0 ? [now()] : args,
        newTarget === Fake ? target : newTarget,
      ) as object,
    apply: () => new System(now()).toString(),
    get: (target, name, receiver) =>
      name === 'now' ? now : (Reflect.get(target, name, receiver) as unknown),
  });
  return Fake;
}

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** A promise for what `begin` is told of, which a signal can end. */
function wait(
  { signal }: WaitOptions,
  value: unknown,
  begin: (done: () => void) => () => void,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(aborted(signal));
      return;
    }
    const cancel = begin(() => {
      signal?.removeEventListener('abort', abort);
      resolve(value);
    });
    const abort = (): void => {
      cancel();
      reject(aborted(signal!));
    };
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** As Node says it. */
function aborted({ reason }: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}

function requireFunction(callback: unknown): void {
  if (typeof callback === 'function') return;
  throw Object.assign(new TypeError('The "callback" argument must be of type function'), {
    code: 'ERR_INVALID_ARG_TYPE',
  });
}
