import { describe, expect, it, jest } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  NEED_MORE,
  PeerError,
  PeerNode,
  type Clock,
  type CloseReport,
  type Connection,
  type Hooks,
  type Link,
  type NodeConfig,
} from '@pea2pea/core';
import { ArgumentError, parseArguments } from './chaos/arguments.js';
import type { ChaosMessage } from './chaos/message.js';
import { PLANTS } from './chaos/plants.js';
import { runChaos, type ChaosOptions, type ChaosReport } from './chaos/run.js';
import { runSimulated } from './chaos/simulated.js';
import { summarize } from './chaos/summary.js';

// Virtual time is computed: how long that takes is the machine's affair, and no verdict. A run that hangs is reported
// by chaos itself.
jest.setTimeout(10 * 60_000);

const virtual: ChaosOptions = { seed: 7, seconds: 2, transport: 'memory', time: 'virtual' };

/** What a run was found guilty of, once each; the whole summary where nothing was expected. */
function verdict(report: ChaosReport): string {
  return report.violationCount === 0 ? 'innocent' : summarize(report);
}

describe('chaos', () => {
  it('a run in virtual time follows from its seed', async () => {
    const options = { ...virtual, keepLines: Infinity };
    const first = await runChaos(options);
    const second = await runChaos(options);
    const other = await runChaos({ ...options, seed: 8 });
    expect(verdict(first)).toBe('innocent');
    expect(first.trace.length).toBeGreaterThan(1_000);
    expect(second.trace).toEqual(first.trace);
    expect(other.trace).not.toEqual(first.trace);
  });

  it('a run in a simulated network follows from its seed, and its faults from a recipe', async () => {
    const options = { seconds: 8, keepLines: Infinity };
    const first = await runSimulated('7', options);
    const second = await runSimulated('7', options);
    const [calm, other] = [await runSimulated('7:', options), await runSimulated('8', options)];
    expect(verdict(first)).toBe('innocent');
    expect(first.attempt.faults.length).toBeGreaterThan(0);
    expect(first.trace.length).toBeGreaterThan(500);
    expect([second.trace, second.attempt.hash]).toEqual([first.trace, first.attempt.hash]);
    for (const { attempt } of [calm, other]) expect(attempt.hash).not.toBe(first.attempt.hash);
  });

  it('twenty seconds in each of two simulated networks break no promise', async () => {
    for (const seed of ['1', '2']) {
      const report = await runSimulated(seed, { seconds: 20 });
      expect(verdict(report)).toBe('innocent');
      expect(report.figures.sums.get('messages received')).toBeGreaterThan(500);
    }
  });

  it('eight seconds of virtual time over memory break no promise', async () => {
    const report = await runChaos({ ...virtual, seconds: 8, seed: 11 });
    expect(verdict(report)).toBe('innocent');
    expect(report.figures.sums.get('messages received')).toBeGreaterThan(1_000);
  });

  it('ten seconds over TCP break no promise', async () => {
    const report = await runChaos({ seed: 7, seconds: 10, transport: 'tcp', time: 'real' });
    expect(verdict(report)).toBe('innocent');
    expect(report.figures.sums.get('openedInbound')).toBeGreaterThan(0);
  });
});

type Config = NodeConfig<ChaosMessage>;

// Kernels with one bug each.

class HidesOneConnecting extends PeerNode<ChaosMessage> {
  /** The limit that it keeps is one more than the one it admits to. */
  constructor(config: Config) {
    super({ ...config, maxConnecting: 4, maxConnections: 4 });
    const admitted = { ...this.config, maxConnecting: 3 };
    Object.defineProperty(this, 'config', { value: admitted });
  }
}

class ForgetsDisconnects extends PeerNode<ChaosMessage> {
  override use({ onDisconnect, ...hooks }: Hooks<ChaosMessage>): this {
    return super.use({
      ...hooks,
      onDisconnect: (connection, reason) =>
        connection.id % 5 === 0 ? undefined : onDisconnect?.(connection, reason),
    });
  }
}

class DeliversTwice extends PeerNode<ChaosMessage> {
  override use({ onMessage, ...hooks }: Hooks<ChaosMessage>): this {
    return super.use({
      ...hooks,
      async onMessage(message, connection) {
        await onMessage?.(message, connection);
        if (message.number % 5 === 0) await onMessage?.(message, connection);
      },
    });
  }
}

class LosesMessages extends PeerNode<ChaosMessage> {
  constructor({ codec, ...config }: Config) {
    const decoder: Config['codec']['decoder'] = (context) => {
      const sound = codec.decoder(context);
      return {
        decode(input) {
          let message = sound.decode(input);
          while (message !== NEED_MORE && message.number % 5 === 0) message = sound.decode(input);
          return message;
        },
      };
    };
    super({ ...config, codec: { ...codec, decoder } });
  }
}

class ChangesMessages extends PeerNode<ChaosMessage> {
  constructor({ codec, ...config }: Config) {
    const encoder: Config['codec']['encoder'] = (context) => {
      const sound = codec.encoder(context);
      return {
        encode(message, output) {
          sound.encode(message, {
            get length() {
              return output.length;
            },
            writeText: (text) => output.writeText(text),
            writeUInt: (...args) => output.writeUInt(...args),
            reserve: (size) => output.reserve(size),
            patchUInt: (...args) => output.patchUInt(...args),
            write(bytes) {
              const changed = Buffer.from(bytes);
              if (changed.length > 0) changed[0]! ^= 1;
              output.write(changed);
            },
          });
        },
      };
    };
    super({ ...config, codec: { ...codec, encoder } });
  }
}

class Miscounts extends PeerNode<ChaosMessage> {
  override get heuristics(): PeerNode<ChaosMessage>['heuristics'] {
    return { ...super.heuristics, accepted: super.heuristics.accepted + 1 };
  }
}

class NeverCloses extends PeerNode<ChaosMessage> {
  #never: Promise<CloseReport> | undefined;
  override close(): Promise<CloseReport> {
    void super.close();
    return (this.#never ??= new Promise(() => {}));
  }
}

class ClosesTooEarly extends PeerNode<ChaosMessage> {
  #early: Promise<CloseReport> | undefined;
  override close(): Promise<CloseReport> {
    void super.close();
    return (this.#early ??= Promise.resolve({
      elapsedMs: 0,
      connections: 0,
      cut: [],
      stop: { errors: [], cut: [] },
    }));
  }
}

class ThrowsStrangers extends PeerNode<ChaosMessage> {
  override async connect(
    ...args: Parameters<PeerNode<ChaosMessage>['connect']>
  ): Promise<Connection<ChaosMessage>> {
    try {
      return await super.connect(...args);
    } catch (error) {
      throw new Error('something went wrong', { cause: error });
    }
  }
}

class OverlapsThenables extends PeerNode<ChaosMessage> {
  /** It waits for promises of the language alone. */
  override use({ onMessage, ...hooks }: Hooks<ChaosMessage>): this {
    return super.use({
      ...hooks,
      onMessage(message, connection) {
        const answer: unknown = onMessage?.(message, connection);
        return answer instanceof Promise ? (answer as Promise<void>) : undefined;
      },
    });
  }
}

class StumblesOverOddValues extends PeerNode<ChaosMessage> {
  /** It counts what can be printed. */
  override use({ onConnect, ...hooks }: Hooks<ChaosMessage>): this {
    return super.use({
      ...hooks,
      async onConnect(connection) {
        try {
          await onConnect?.(connection);
        } catch (error) {
          try {
            String(error);
          } catch {
            return;
          }
          throw error;
        }
      },
    });
  }
}

class HidesItsShares extends PeerNode<ChaosMessage> {
  /** The shares of an address are larger than it admits to. */
  constructor(config: Config) {
    super({ ...config, listenBacklog: 6, maxConnecting: 6, maxConnectingPerIp: 6, maxWaitingPerIp: 6 });
    const admitted = { ...this.config, maxConnectingPerIp: 1, maxWaitingPerIp: 1 };
    Object.defineProperty(this, 'config', { value: admitted });
  }
}

class JudgesBeforeItHears extends PeerNode<ChaosMessage> {
  /** Timeouts do not wait for the sockets to be served. */
  constructor(config: Config) {
    const sound = config.clock!;
    const clock: Clock = {
      now: () => sound.now(),
      date: () => sound.date(),
      setTimeout: (callback, delayMs, options) => sound.setTimeout(callback, delayMs, options),
      nextTurn: (callback) => sound.setTimeout(callback, 0),
    };
    super({ ...config, clock });
  }
}

class CutsLastWords extends PeerNode<ChaosMessage> {
  /** It resets where it should end. */
  override use({ onDisconnect, ...hooks }: Hooks<ChaosMessage>): this {
    return super.use({
      ...hooks,
      async onDisconnect(connection, reason) {
        await onDisconnect?.(connection, reason);
        (connection as unknown as { link: Link }).link.reset();
      },
    });
  }
}

class TellsTwiceOfAnEnd extends PeerNode<ChaosMessage> {
  override use({ onPeerEnd, ...hooks }: Hooks<ChaosMessage>): this {
    return super.use({
      ...hooks,
      async onPeerEnd(connection) {
        await onPeerEnd?.(connection);
        await onPeerEnd?.(connection);
      },
    });
  }
}

class EndsThePeerBeforeItsMessages extends PeerNode<ChaosMessage> {
  /** What came with the end of the peer is not handled. */
  constructor({ codec, ...config }: Config) {
    const decoder: Config['codec']['decoder'] = (context) => {
      const sound = codec.decoder(context);
      return {
        decode: (input) => (input.length < 3_000 && input.length > 1_000 ? NEED_MORE : sound.decode(input)),
        end(input) {
          input.skip(input.length);
          return NEED_MORE;
        },
      };
    };
    super({ ...config, codec: { ...codec, decoder } });
  }
}

class NeverSaysThatItIsOver extends PeerNode<ChaosMessage> {
  override use({ onConnect, ...hooks }: Hooks<ChaosMessage>): this {
    return super.use({
      ...hooks,
      onConnect(connection) {
        const { next } = connection;
        connection.next = (options) =>
          next
            .call(connection, options)
            .catch((error: unknown) =>
              PeerError.is(error, 'P2P_ERR_ENDED') ? new Promise(() => {}) : Promise.reject(error as Error),
            );
        return onConnect?.(connection);
      },
    });
  }
}

describe('a planted bug is found', () => {
  it.each([
    ['a node that exceeds its limit', 'limit', HidesOneConnecting],
    ['a node that forgets onDisconnect', 'pairing', ForgetsDisconnects],
    ['a node that delivers a message twice', 'content', DeliversTwice],
    ['a node that loses messages', 'content', LosesMessages],
    ['a node that changes messages', 'content', ChangesMessages],
    ['a node that miscounts', 'counter', Miscounts],
    ['a node that gives an address more than its share', 'limit', HidesItsShares],
    ['a node that judges before it hears', 'silence', JudgesBeforeItHears],
    ['a node that cuts its last words', 'content', CutsLastWords],
    ['a node that does not wait for thenables', 'pairing', OverlapsThenables],
    ['a node that does not count what it cannot print', 'counter', StumblesOverOddValues],
    ['a node that tells twice that its peer has ended', 'pairing', TellsTwiceOfAnEnd],
    ['a node that loses what came with the end of its peer', 'content', EndsThePeerBeforeItsMessages],
    ['a node whose next() never says that it is over', 'wedged', NeverSaysThatItIsOver],
    ['a node whose close never resolves', 'wedged', NeverCloses],
    ['a node whose close resolves before it is done', 'leftover', ClosesTooEarly],
    ['a node that throws errors without a code', 'alien-error', ThrowsStrangers],
  ] as const)('%s: %s', async (_what, rule, Planted) => {
    const makeNode = (config: Config): PeerNode<ChaosMessage> => new Planted(config);
    const report = await runChaos({ ...virtual, seconds: 16, until: rule, makeNode });
    expect(report.violations.map((violation) => violation.rule)).toContain(rule);
    expect(report.violations[0]!.before.length).toBeGreaterThan(0);
    expect(summarize(report)).toContain(`seed ${virtual.seed}`);
  });
});

describe('bugs that are planted in the source of the kernel', () => {
  const root = fileURLToPath(new URL('..', import.meta.url));

  it('are at least thirty, each with a name of its own', () => {
    const names = PLANTS.map(({ name }) => name);
    expect(names.length).toBeGreaterThanOrEqual(30);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(PLANTS)('$name: alters one place, which is there', ({ file, from, to, sentence }) => {
    const text = readFileSync(`${root}packages/core/src/${file}`, 'utf8');
    expect(text.split(from)).toHaveLength(2);
    expect(to).not.toBe(from);
    expect(sentence).toMatch(/^[A-Za-z].*\.$/);
  });

  it('are found by the command, which says after how many seeds', () => {
    const argv = ['scripts/chaos.mjs', '--planted', 'lost-message', '--seeds', '5', '--seconds', '10'];
    const { stdout, status } = spawnSync(process.execPath, argv, { cwd: root, encoding: 'utf8' });
    expect(stdout).toMatch(/^found after \d seeds?: lost-message: Every fiftieth message is lost\.$/m);
    expect(stdout).toContain('1 of 1 planted bugs were found');
    expect(status).toBe(0);
  });
});

describe('the arguments of the command', () => {
  it('have defaults', () => {
    const rest = {
      seconds: 60,
      seed: 7,
      seeds: undefined,
      processes: undefined,
      replay: undefined,
      planted: undefined,
    };
    expect(parseArguments([])).toEqual({ ...rest, transport: 'simulation', time: 'virtual' });
    expect(parseArguments(['--transport', 'tcp'])).toEqual({ ...rest, transport: 'tcp', time: 'real' });
  });

  it.each([
    [['--seconds', '0'], '--seconds'],
    [['--seconds', 'ten'], '--seconds'],
    [['--seed', '1.5'], '--seed'],
    [['--seed=-1'], '--seed'],
    [['--transport', 'udp'], '--transport'],
    [['--time', 'virtual', '--transport', 'tcp'], '--time virtual is not for tcp'],
    [['--time', 'real'], '--time real is not for the simulation'],
    [['--seeds', '0'], '--seeds'],
    [['--seeds', '10', '--transport', 'memory'], '--transport simulation'],
    [['--processes', 'two'], '--processes'],
    [['--what'], '--what'],
  ])('%j are refused by name', (argv, name) => {
    expect(() => parseArguments(argv)).toThrow(ArgumentError);
    expect(() => parseArguments(argv)).toThrow(name);
  });
});
