import { describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { health, healthListener } from '@pea2pea/observe/health';
import { inMemory, lab, listen, never, until } from '@pea2pea/testing';

const { makeNode } = lab();

describe('health', () => {
  it('goes from starting to ready, draining and closed', async () => {
    let start!: () => void;
    const a = makeNode(inMemory(), { onStart: () => new Promise<void>((resolve) => (start = resolve)) });
    expect(health(a.node)).toMatchObject({ status: 'starting', isLive: true, isReady: false });
    const listening = listen(a);
    await until('onStart runs', () => start !== undefined);
    expect(health(a.node)).toMatchObject({
      status: 'starting',
      nodes: [{ name: a.node.name, state: 'open', isReady: false }],
    });
    start();
    await listening;
    expect(health(a.node)).toMatchObject({ status: 'ready', isLive: true, isReady: true });
    const drained = a.node.drain();
    expect(health(a.node)).toMatchObject({ status: 'draining', isLive: true, isReady: false });
    await drained;
    expect(health(a.node)).toMatchObject({ status: 'closed', isLive: false, isReady: false });
  });

  it('of several nodes is that of the worst', async () => {
    const network = inMemory();
    const [a, b] = [makeNode(network), makeNode(network)];
    await listen(a);
    expect(health([a.node, b.node]).status).toBe('starting');
    await listen(b);
    expect(health([a.node, b.node]).status).toBe('ready');
    await b.node.close();
    expect(health([a.node, b.node])).toMatchObject({ status: 'closed', isLive: false });
    expect(health([])).toMatchObject({ status: 'starting', isReady: false });
  });
});

describe('healthListener', () => {
  it('replies 200 and 503 at two paths, and 404 at others', async () => {
    const a = makeNode(inMemory(), { onMessage: never });
    const server = createServer(healthListener(a.node)).listen(0, '127.0.0.1');
    try {
      await until('it listens', () => server.listening);
      const { port } = server.address() as AddressInfo;
      const ask = async (path: string, method = 'GET') => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
        return [response.status, await response.text()] as const;
      };
      expect((await ask('/livez'))[0]).toBe(200);
      expect((await ask('/readyz'))[0]).toBe(503);
      await listen(a);
      const [status, body] = await ask('/readyz?verbose');
      expect([status, JSON.parse(body)]).toEqual([200, health(a.node)]);
      expect(await ask('/readyz', 'HEAD')).toEqual([200, '']);
      expect(await ask('/readyz', 'POST')).toEqual([404, '']);
      expect(await ask('/')).toEqual([404, '']);
      await a.node.close();
      expect((await ask('/livez'))[0]).toBe(503);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it.each([
    ['what is not a node', () => healthListener({} as never)],
    ['an unknown option', () => healthListener([], { path: '/' } as object)],
    ['a path that is not a string', () => healthListener([], { livePath: 1 as never })],
  ])('refuses %s', (_, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'P2P_ERR_INVALID_CONFIG' }));
  });
});
