import { describe, expect, it } from '@jest/globals';
import type { Logger } from '@pea2pea/core';
import { PluginEvents } from '@pea2pea/core/authoring';
import { once } from 'node:events';

function recorded(): { readonly lines: string[]; readonly logger: Logger } {
  const lines: string[] = [];
  const note = (_fields: object, text: string): void => void lines.push(text);
  const logger: Logger = { debug: note, info: note, warn: note, error: note, child: () => logger };
  return { lines, logger };
}

describe('the events of a plugin', () => {
  it('reach every listener, whatever the others throw or reject with, and each failure is logged', async () => {
    const { lines, logger } = recorded();
    const events = new PluginEvents<{ full: [count: number] }>(logger);
    const heard: number[] = [];
    events.on('full', () => {
      throw new Error('careless');
    });
    events.on('full', (): void => {
      return Promise.reject(new Error('careless later')) as unknown as undefined;
    });
    events.on('full', (count) => heard.push(count));
    expect(events.emit('full', 7)).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toEqual([7]);
    expect(lines).toEqual(['a listener failed', 'a listener failed']);
  });

  it('come once to once, and to events.once of Node.js', async () => {
    const events = new PluginEvents<{ full: [count: number] }>(recorded().logger);
    let calls = 0;
    events.once('full', () => calls++);
    const next = once(events, 'full');
    events.emit('full', 1);
    expect(events.emit('full', 2)).toBe(false);
    expect([calls, await next]).toEqual([1, [1]]);
  });

  it('an event named error is one like others, listened to or not', () => {
    const events = new PluginEvents<{ error: [error: Error] }>(recorded().logger);
    expect(events.emit('error', new Error('x'))).toBe(false);
  });
});
