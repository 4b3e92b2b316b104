import { describe, expect, it, jest } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { lines } from '@pea2pea/codecs';
import { PeerNode, type LogFields, type Logger } from '@pea2pea/core';
import { guardedLogger } from '@pea2pea/core/authoring';
import { ControlledClock } from '@pea2pea/core/testing';
import { logLine } from '@pea2pea/core/mechanisms/default-logger';
import { hostileValues, inMemory, join, lab, until } from '@pea2pea/testing';

const { makeNode, own } = lab();

const source = fileURLToPath(new URL('../packages', import.meta.url));

describe('a line of the default logger', () => {
  it('names level, text and fields, and an error with its place', () => {
    const err = new TypeError('x is not a function');
    const line = logLine(
      'error',
      { node: '1', peer: '[::1]:4000', why: 'two words', times: 3, err },
      'disconnected',
    );
    expect(line).toMatch(
      /^pea2pea error: disconnected node=1 peer=\[::1\]:4000 why="two words" times=3 err="TypeError: x is not a function" at=".*loggers\.test\.ts.*"$/,
    );
    expect(logLine('warn', { err }, 'refused')).toBe(
      'pea2pea warn: refused err="TypeError: x is not a function"',
    );
  });

  it.each(hostileValues())('runs no code of %s, not even for the place of an error', (_what, make) => {
    const { value, calls } = make();
    logLine('error', { err: value }, 'a bug');
    const error = new Error('a bug');
    Object.defineProperty(error, 'message', { value });
    logLine('error', { err: error }, 'a bug');
    expect(calls()).toBe(0);
  });

  it('does not ask an error whose message or stack is computed for its place', () => {
    const computed = jest.fn(() => 'computed');
    for (const name of ['message', 'name', 'stack']) {
      logLine('error', { err: Object.defineProperty(new Error('a bug'), name, { get: computed }) }, 'a bug');
    }
    const error = Object.defineProperty(new Error(), 'message', { value: { toString: computed } });
    logLine('error', { err: error }, 'a bug');
    expect(computed).not.toHaveBeenCalled();
  });

  it.each(hostileValues())('is one short line with %s', (_what, make) => {
    const line = logLine('warn', { err: make().value, value: make().value }, 'two\nlines');
    expect(line.length).toBeLessThan(3_000);
    expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
    expect(line).not.toContain('secret');
  });
});

describe('peers that misbehave without pause', () => {
  it('cause 20 warnings a second, then debug lines, and the next warning counts those', async () => {
    const clock = new ControlledClock();
    const told: string[] = [];
    const logger: Logger = {
      debug: (_fields, text) => text === 'disconnected' && told.push('debug'),
      info() {},
      warn: (fields, text) => text === 'disconnected' && told.push(`warn ${Number(fields.suppressed ?? 0)}`),
      error() {},
      child: () => logger,
    };
    const node = own(new PeerNode({ codec: lines(), clock, logger }));
    const misbehave = async (): Promise<void> => {
      const ours = new PassThrough();
      const connection = await node.connect('127.0.0.1:9', { stream: ours });
      ours.destroy(new Error('reset'));
      await until('the connection is gone', () => connection.state === 'closed');
    };
    for (let peer = 0; peer < 25; peer++) await misbehave();
    expect(told).toEqual([...Array<string>(20).fill('warn 0'), ...Array<string>(5).fill('debug')]);
    clock.advance(1_000);
    await misbehave();
    expect(told.at(-1)).toBe('warn 5');
    await node.close();
  });
});

describe('a node without a logger', () => {
  it('says on standard error what its hooks throw, and nothing below warn', async () => {
    const written: string[] = [];
    const write = jest.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
      written.push(String(chunk));
      return true;
    });
    try {
      const { transport } = inMemory();
      const a = own(new PeerNode({ codec: lines(), transport, name: 'mute' })).use({
        onMessage() {
          throw new TypeError('a bug');
        },
      });
      const address = await a.listen({ host: '127.0.0.1', port: 0 });
      const connection = await makeNode({ transport }).node.connect(address);
      await connection.send('hello');
      await until('it is over', () => a.heuristics.closed === 1);
      await a.close();
    } finally {
      write.mockRestore();
    }
    expect(written.filter((line) => line.startsWith('pea2pea'))).toEqual([
      expect.stringMatching(/^pea2pea error: disconnected node=mute .*err="TypeError: a bug" at=".*"\n$/),
    ]);
  });
});

describe('a logger whose every method throws', () => {
  const broken = (): Logger => {
    const fail = (): never => {
      throw new Error('the disk is full');
    };
    return { debug: fail, info: fail, warn: fail, error: fail, child: fail };
  };

  it('neither keeps a node from being made nor ends a connection', async () => {
    const { transport } = inMemory();
    const a = makeNode({ transport, logger: broken(), maxConnections: 2, maxConnecting: 3 });
    const [connection] = await join(makeNode({ transport }), a);
    a.node.logger.child({ plugin: 'x' }).error({}, 'nobody hears it');
    await connection.send('hello');
    await until('it arrived', () => a.messages.length === 1);
  });

  it('that rejects instead does not, either', async () => {
    const reject = (): never => Promise.reject(new Error('the disk is full')) as never;
    const logger = guardedLogger({ debug: reject, info: reject, warn: reject, error: reject, child: reject });
    logger.warn({}, 'nobody hears it');
    logger.child({ x: 1 }).error({}, 'nobody hears it');
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('as `child` alone does leaves the lines, with what it was to bind', () => {
    const heard: LogFields[] = [];
    const hear = (fields: LogFields): void => void heard.push(fields);
    const { child } = broken();
    const logger = guardedLogger({ debug: hear, info: hear, warn: hear, error: hear, child });
    logger.child({ node: '1' }).child({ plugin: 'x' }).warn({ peer: 'p' }, 'a line');
    expect(heard).toEqual([{ node: '1', plugin: 'x', peer: 'p' }]);
  });
});

describe('the sources of all packages', () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((path) => /^[\w-]+\/src\/.+\.ts$/.test(path))
    .map((path) => ({ path, text: readFileSync(`${source}/${path}`, 'utf8') }));

  it('log errors under the key that pino serializes', () => {
    const call = /(?:logger|log)\.(?:debug|info|warn|error)\(([^;]*?)\);/gs;
    const wrong = files.flatMap(({ path, text }) =>
      [...text.matchAll(call)]
        .filter(([, given = '']) => /[{,]\s*error\b/.test(given))
        .map(([line]) => `${path}: ${line}`),
    );
    expect(files.length).toBeGreaterThan(100);
    expect(wrong).toEqual([]);
  });

  it('log through the guarded logger of a node, not through the one that users brought', () => {
    const wrong = files.filter(
      ({ path, text }) => /config\.logger\b/.test(text) && !path.endsWith('node-context.ts'),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });
});
