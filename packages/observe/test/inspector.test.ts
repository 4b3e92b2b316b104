import { afterEach, describe, expect, it } from '@jest/globals';
import { channel } from 'node:diagnostics_channel';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { json, lines } from '@pea2pea/codecs';
import { memoryTransport, peerIdentity, PeerNode, type Codec, type Hooks } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { inspector, Inspector, type InspectorOptions } from '@pea2pea/observe/inspector';
import { bans } from '@pea2pea/policies';
import { inMemory, join, lab, listen, until, type TestNode } from '@pea2pea/testing';

const { makeNode, own } = lab();

const watched = ['message:received', 'message:sent', 'bytes:received', 'bytes:sent'].map((name) =>
  channel(`pea2pea:${name}`),
);
afterEach(() => until('nobody listens', () => !watched.some(({ hasSubscribers }) => hasSubscribers)));

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly data: Record<string, unknown>;
}

/** What a program may ask that is not a browser, and so is bound by no rule of browsers. */
function ask(
  url: string,
  path: string,
  { token, method = 'GET', body, ...headers }: Record<string, string | undefined> = {},
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const given = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const asked = httpRequest(
      {
        host: hostname.replace(/[[\]]/g, ''),
        port,
        path,
        method,
        headers: { ...given, ...headers },
        agent: false,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => void (text += chunk));
        response.on('error', reject);
        response.on('end', () => {
          const isJson = response.headers['content-type']?.startsWith('application/json') === true;
          const data = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
          resolve({ status: response.statusCode!, headers: response.headers, body: text, data });
        });
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

const tokenOf = (url: string): string => url.replace(/.*#token=/, '');

function act(url: string, request: object, more: Record<string, string> = {}): Promise<Answer> {
  const body = JSON.stringify({ source: '0', ...request });
  return ask(url, '/api/act', {
    method: 'POST',
    token: tokenOf(url),
    'content-type': 'application/json',
    body,
    ...more,
  });
}

/** Follows a stream of events; what came is in `events`. */
function watch(
  url: string,
  path = '/api/events',
): { events: { event: string; data: Record<string, never> }[]; ended: Promise<void>; end(): void } {
  const events: { event: string; data: Record<string, never> }[] = [];
  const abort = new AbortController();
  const run = async (): Promise<void> => {
    const { origin } = new URL(url);
    const headers = { authorization: `Bearer ${tokenOf(url)}` };
    const response = await fetch(`${origin}${path}`, { headers, signal: abort.signal });
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      for (let end: number; (end = text.indexOf('\n\n')) !== -1; text = text.slice(end + 2)) {
        const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
        if (event !== undefined) events.push({ event, data: JSON.parse(data!) as Record<string, never> });
      }
    }
  };
  return { events, ended: run().catch(() => {}), end: () => abort.abort() };
}

/** All sections that a stream has told of, the last of each. */
function sectionsOf(events: { event: string; data: Record<string, unknown> }[]): Record<string, unknown> {
  const told = events
    .filter(({ event }) => event === 'sections')
    .map(({ data }) => data['sections'] as object);
  return Object.assign({}, ...told) as Record<string, unknown>;
}

async function inspected(
  options: InspectorOptions = {},
  hooks: Hooks<string> = {},
): Promise<{ test: TestNode; url: string; token: string }> {
  const test = makeNode({ codec: lines(), ...inMemory() }, hooks);
  test.node.use(inspector(options));
  await listen(test);
  const url = test.node.plugin(inspector).url!;
  return { test, url, token: tokenOf(url) };
}

describe('who may look', () => {
  it('is whoever has the token of the address; the page without it is an empty shell', async () => {
    const { url, token } = await inspected();
    expect((await ask(url, '/')).status).toBe(200);
    expect((await ask(url, '/api/connections?source=0', { token })).status).toBe(200);
    for (const wrong of [undefined, '', 'x'.repeat(32), `${token}x`, token.slice(1)]) {
      const answer = await ask(url, '/api/connections?source=0', wrong === undefined ? {} : { token: wrong });
      expect(answer).toMatchObject({ status: 401, data: { error: expect.stringContaining('token') } });
    }
    expect((await ask(url, `/api/connections?source=0&token=${token}`)).status).toBe(401);
  });

  it('is refused every path of data without the token, also paths that there are not', async () => {
    const { url } = await inspected({ actions: true });
    for (const path of [
      '/api/events',
      '/api/frames?source=0',
      '/api/connection?source=0&id=1',
      '/api/act',
      '/api/nothing',
    ]) {
      expect((await ask(url, path, { method: path === '/api/act' ? 'POST' : 'GET' })).status).toBe(401);
    }
  });

  it('has a new token at each start, of more than 128 bits, that no log line shows', async () => {
    const [one, other] = [await inspected(), await inspected()];
    expect(one.token).not.toBe(other.token);
    expect(Buffer.from(one.token, 'base64url').length).toBeGreaterThanOrEqual(16);
    expect(JSON.stringify(one.test.log)).not.toContain(one.token);
    expect(JSON.stringify(one.test.log)).toContain('the inspector serves its page');
  });

  it('must ask under the IP address or localhost: another name may be one that was pointed here', async () => {
    const { url, token } = await inspected();
    const { port } = new URL(url);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`]) {
      expect((await ask(url, '/api/connections?source=0', { token, host })).status).toBe(200);
    }
    for (const host of [
      `evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      `localhost.evil.example`,
      `10.0.0.1:${port}`,
      `[::1]:${port}`,
      'evil@127.0.0.1',
    ]) {
      for (const path of ['/', '/api/connections?source=0']) {
        expect((await ask(url, path, { token, host })).status).toBe(421);
      }
    }
  });

  it('must not be the page of somebody else', async () => {
    const { url, token } = await inspected({ actions: true });
    const { origin, port } = new URL(url);
    for (const foreign of [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: `https://127.0.0.1:${port}` },
      { origin: 'http://127.0.0.1:1' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      expect((await ask(url, '/api/connections?source=0', { token, ...foreign })).status).toBe(403);
      expect(
        (await act(url, { action: 'disconnect', connection: 1 }, foreign as Record<string, string>)).status,
      ).toBe(403);
    }
    expect(
      (await ask(url, '/api/connections?source=0', { token, origin, 'sec-fetch-site': 'same-origin' }))
        .status,
    ).toBe(200);
  });

  it('may run what the page brings, and nothing else', async () => {
    const { url } = await inspected();
    for (const path of ['/', '/app.js', '/lib/preact.js', '/style.css']) {
      const { headers } = await ask(url, path);
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'/,
      );
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
      });
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('is served no file but those of the page', async () => {
    const { url } = await inspected();
    for (const path of [
      '/../package.json',
      '/%2e%2e/package.json',
      '/lib/../../package.json',
      '/main.js',
      '/lib/',
      '//etc/passwd',
      '/index.html',
    ]) {
      expect((await ask(url, path)).status).toBe(404);
    }
  });

  it('stays on the machine, unless an option says what it means', async () => {
    const node = (options: InspectorOptions): PeerNode<string> =>
      own(new PeerNode<string>({ codec: lines() })).use(inspector(options));
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.org', '127.0.0.1.example.org']) {
      expect(() => node({ host })).toThrow(
        expect.objectContaining({
          code: 'P2P_ERR_INVALID_CONFIG',
          message: expect.stringContaining('reachableFromOtherMachines'),
        }),
      );
    }
    const { test, url, token } = await inspected({ host: '0.0.0.0', reachableFromOtherMachines: true });
    expect(test.log.some(({ level, text }) => level === 'warn' && text.includes('other machines'))).toBe(
      true,
    );
    expect(
      (await ask(url.replace('0.0.0.0', '127.0.0.1'), '/api/connections?source=0', { token })).status,
    ).toBe(200);
  });

  it.each([
    { token: 'short' },
    { token: 'with spaces and so on' },
    { port: 70_000 },
    { intervalMs: 1 },
    { frames: 'all' },
    { actions: 'yes' },
    { other: 1 },
  ])('is refused options that make no sense: %p', (options) => {
    expect(() => own(new PeerNode<string>({ codec: lines() })).use(inspector(options as never))).toThrow(
      expect.objectContaining({ code: 'P2P_ERR_INVALID_CONFIG' }),
    );
  });
});

describe('what is shown', () => {
  it('is first everything, and then what has changed', async () => {
    const { test, url } = await inspected({ intervalMs: 100 });
    const page = watch(url);
    await until('it was told', () => page.events.length >= 4);
    expect(page.events[0]).toEqual({ event: 'sources', data: { sources: ['0'] } });
    const first = page.events[1]!.data['sections'] as unknown as object;
    expect(Object.keys(first)).toEqual(
      expect.arrayContaining([
        'node',
        'traffic',
        'connections',
        'limits',
        'refused',
        'ended',
        'plugins',
        'topology',
        'history',
        'log',
      ]),
    );
    expect(Object.keys(page.events[3]!.data['sections']!)).toEqual(['at']);
    const other = makeNode({ codec: lines(), transport: test.node.config.transport });
    await other.node.connect(test.node.address!);
    await until(
      'the page knows',
      () => (sectionsOf(page.events)['topology'] as unknown[] | undefined)?.length === 1,
    );
    expect(sectionsOf(page.events)['connections']).toMatchObject({ total: 1, byDirection: { inbound: 1 } });
    page.end();
  });

  it('is a part of the table, sorted and filtered on this side', async () => {
    const { test, url, token } = await inspected();
    const { transport } = test.node.config;
    for (let count = 0; count < 8; count++) {
      await makeNode({ codec: lines(), transport, name: `n${count}` }).node.connect(test.node.address!);
    }
    const rows = async (query: string): Promise<{ id: number }[]> =>
      (await ask(url, `/api/connections?source=0&${query}`, { token })).data['rows'] as { id: number }[];
    const ids = (await rows('sort=id')).map(({ id }) => id);
    expect(ids.length).toBe(8);
    expect((await rows('sort=id&order=descending&limit=3&offset=1')).map(({ id }) => id)).toEqual(
      [...ids].reverse().slice(1, 4),
    );
    expect((await rows(`filter=%23${ids[2]}`)).map(({ id }) => id)).toEqual([ids[2]]);
    expect(await rows('filter=nobody')).toEqual([]);
    expect((await rows('sort=__proto__&offset=x&limit=-1')).length).toBe(8);
    expect((await ask(url, '/api/connections?source=9', { token })).status).toBe(404);
  });

  it('has of a connection its last log lines, also after its end', async () => {
    const { test, url, token } = await inspected();
    const other = makeNode({ codec: lines(), transport: test.node.config.transport });
    const connection = await other.node.connect(test.node.address!);
    await until('it is open', () => test.opened.length === 1);
    const { id } = test.opened[0]!;
    await connection.disconnect();
    await until('it has ended', () => test.closed.length === 1);
    const { data } = await ask(url, `/api/connection?source=0&id=${id}`, { token });
    expect(data['row']).toBeNull();
    expect((data['log'] as { text: string }[]).map(({ text }) => text)).toEqual([
      'connected',
      'disconnected',
    ]);
  });

  it('is what peers say, as strings that cannot become anything else', async () => {
    const evil = '<img src=x onerror=alert(1)>\u202e\n\u0000';
    const { test, url, token } = await inspected(
      {},
      { onHandshake: ({ context }) => context.set(peerIdentity, evil) },
    );
    await makeNode({ codec: lines(), transport: test.node.config.transport }).node.connect(
      test.node.address!,
    );
    const answer = await ask(url, '/api/connections?source=0', { token });
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    const [row] = answer.data['rows'] as { identity: string }[];
    expect(row!.identity).toContain('<img');
    expect(row!.identity).not.toMatch(/[\u202e\n\u0000]/);
  });

  it('is groups where there are too many peers to be shown one by one', async () => {
    const { topologyOf } = await import('../src/inspector/topology.js');
    const rates = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };
    const seen = Array.from({ length: 5_000 }, (_, id) => ({
      id,
      address: `10.${id % 60}.${id >> 8}.${id & 255}:1000`,
      identity: null,
      localAddress: '10.0.0.1:1',
      direction: 'inbound' as const,
      state: 'open' as const,
      isHeldBack: false,
      rates: { ...rates, bytesIn: id < 10 ? 100 : 0 },
    }));
    const peers = topologyOf(seen);
    expect(peers.length).toBeLessThanOrEqual(120);
    expect(peers.reduce((sum, { count }) => sum + count, 0)).toBe(5_000);
    expect(peers.filter(({ count }) => count === 1).length).toBe(10);
  });

  it('does not include the token, nor the address of the page with it', async () => {
    const { url, token } = await inspected({ intervalMs: 100 });
    const page = watch(url);
    await until('it was told', () => page.events.length >= 2);
    expect(JSON.stringify(page.events)).not.toContain(token);
    page.end();
  });
});

describe('frames', () => {
  const chat = json() as unknown as Codec<string>;

  async function talking(
    frames: InspectorOptions['frames'],
  ): Promise<{ url: string; say(message: unknown): Promise<void> }> {
    const network = inMemory();
    const test = makeNode({ codec: chat, ...network });
    test.node.use(inspector({ frames: frames! }));
    const [connection] = await join(makeNode({ codec: chat, ...network }), test);
    return { url: test.node.plugin(inspector).url!, say: (message) => connection.send(message as string) };
  }

  const framesIn = (
    events: { data: Record<string, unknown> }[],
  ): { kind: string; text: string; hex: string }[] => events.flatMap(({ data }) => data['frames'] as never);

  it('are off, whoever asks, unless the node has switched them on', async () => {
    const { url, say } = await talking('off');
    const page = watch(url, '/api/frames?source=0');
    await say('hello');
    expect(channel('pea2pea:message:received').hasSubscribers).toBe(false);
    page.end();
  });

  it('cost nothing while no page shows them', async () => {
    const { url } = await talking('bytes');
    const names = ['message:received', 'message:sent', 'bytes:received', 'bytes:sent'].map((name) =>
      channel(`pea2pea:${name}`),
    );
    expect(names.some(({ hasSubscribers }) => hasSubscribers)).toBe(false);
    const page = watch(url, '/api/frames?source=0');
    await until('it listens', () => names.every(({ hasSubscribers }) => hasSubscribers));
    page.end();
    await until('it has let go', () => !names.some(({ hasSubscribers }) => hasSubscribers));
  });

  it('have what looks like a secret masked, in messages and in bytes', async () => {
    const { url, say } = await talking('bytes');
    const page = watch(url, '/api/frames?source=0');
    await until('it listens', () => channel('pea2pea:bytes:received').hasSubscribers);
    await say({
      user: 'alice',
      password: 'hunter22',
      deep: { apiKey: ['k-123456'] },
      line: 'token=abcdef0123 ok',
    });
    await until('it was told', () => framesIn(page.events).length >= 2);
    const shown = framesIn(page.events);
    const all =
      JSON.stringify(shown) +
      shown.map(({ hex }) => Buffer.from((hex ?? '').replaceAll('••', '2a'), 'hex').toString()).join('');
    expect(all).toContain('alice');
    for (const secret of ['hunter22', 'k-123456', 'abcdef0123']) expect(all).not.toContain(secret);
    page.end();
  });

  it('and log lines are those of the node, not of another one with its name', async () => {
    const network = inMemory();
    const test = makeNode({ codec: chat, ...network, name: 'twin' });
    test.node.use(inspector({ frames: 'messages' }));
    const twin = makeNode({ codec: chat, ...network, name: 'twin' });
    const [connection] = await join(twin, test);
    const page = watch(test.node.plugin(inspector).url!, '/api/frames?source=0');
    await until('it listens', () => channel('pea2pea:message:received').hasSubscribers);
    await connection.send('hello');
    await until('it was told', () => framesIn(page.events).length > 0);
    expect(framesIn(page.events)).toMatchObject([{ way: 'received', connection: test.opened[0]!.id }]);
    page.end();
  });

  it('are bounded: what is too much at once is counted', async () => {
    const { url, say } = await talking('messages');
    const page = watch(url, '/api/frames?source=0');
    await until('it listens', () => channel('pea2pea:message:received').hasSubscribers);
    for (let count = 0; count < 1_000; count++) void say(count);
    await until('it was told', () =>
      page.events.some(({ data }) => (data['skipped'] as unknown as number) > 0),
    );
    for (const { data } of page.events)
      expect((data['frames'] as unknown as unknown[]).length).toBeLessThanOrEqual(100);
    page.end();
  });
});

describe('actions', () => {
  it('are refused, all of them, unless the node has switched them on', async () => {
    const { test, url } = await inspected();
    await makeNode({ codec: lines(), transport: test.node.config.transport }).node.connect(
      test.node.address!,
    );
    await until('it is open', () => test.opened.length === 1);
    for (const action of ['disconnect', 'ban', 'unban', 'drain']) {
      expect(await act(url, { action, connection: test.opened[0]!.id, target: '10.0.0.1' })).toMatchObject({
        status: 409,
        data: { done: false },
      });
    }
    expect(test.node.connections.size).toBe(1);
    expect(test.node.state).toBe('open');
  });

  it('end a connection, ban, unban and drain, and each is logged', async () => {
    const network = inMemory();
    const test = makeNode({ codec: lines(), ...network });
    test.node.use(inspector({ actions: true })).use(bans());
    await listen(test);
    const url = test.node.plugin(inspector).url!;
    const dial = (): Promise<unknown> =>
      makeNode({ codec: lines(), ...network }).node.connect(test.node.address!);
    await dial();
    await until('it is open', () => test.opened.length === 1);
    expect((await act(url, { action: 'disconnect', connection: test.opened[0]!.id })).data).toMatchObject({
      done: true,
    });
    await until('it has ended', () => test.closed.length === 1);
    expect(test.closed[0]!.reason).toMatchObject({ origin: 'user', why: 'asked for in the inspector' });
    expect((await act(url, { action: 'disconnect', connection: test.opened[0]!.id })).data).toMatchObject({
      done: false,
    });
    await dial();
    await until('it is open', () => test.opened.length === 2);
    expect(
      (await act(url, { action: 'ban', connection: test.opened[1]!.id, identity: true })).data,
    ).toMatchObject({ done: false });
    expect(
      (await act(url, { action: 'ban', connection: test.opened[1]!.id, durationMs: 60_000 })).data,
    ).toMatchObject({ done: true });
    expect(test.node.plugin(bans).list().length).toBe(1);
    const target = test.opened[1]!.address.host;
    expect((await act(url, { action: 'unban', target })).data).toMatchObject({ done: true });
    expect((await act(url, { action: 'unban', target: '<nonsense>' })).data).toMatchObject({ done: false });
    expect(
      test.log.filter(({ text }) => text === 'asked for in the inspector').length,
    ).toBeGreaterThanOrEqual(5);
    expect((await act(url, { action: 'drain' })).data).toMatchObject({ done: true });
    await until('it has closed', () => test.node.state === 'closed');
  });

  it('are taken as JSON of the page alone, and of a bounded length', async () => {
    const { url, token } = await inspected({ actions: true });
    expect((await act(url, { action: 'drain' }, { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await ask(url, '/api/act', { token })).status).toBe(405);
    for (const bad of [
      '',
      'null',
      '[]',
      '{',
      '{"source":"0"}',
      '{"source":"0","action":"eval"}',
      '{"source":"0","action":"disconnect","connection":"1"}',
      `"${'x'.repeat(5_000)}"`,
    ]) {
      expect((await act(url, {}, { body: bad })).status).toBe(400);
    }
    expect((await act(url, { source: '7', action: 'drain' })).status).toBe(404);
  });
});

describe('coming and going', () => {
  it('ends pages with the node, and leaves neither a timer nor a subscription', async () => {
    const clock = new ControlledClock();
    const test = makeNode({ codec: lines(), ...inMemory(), clock });
    test.node.use(inspector({ frames: 'bytes' }));
    await listen(test);
    const url = test.node.plugin(inspector).url!;
    const pages = [watch(url), watch(url, '/api/frames?source=0')];
    await until('it was told', () => pages[0]!.events.length >= 2);
    const closing = test.node.close();
    await Promise.all(pages.map(({ ended }) => ended));
    await closing;
    expect(test.node.plugin(Inspector).url).toBeUndefined();
    expect(channel('pea2pea:log').hasSubscribers).toBe(false);
    expect(channel('pea2pea:bytes:received').hasSubscribers).toBe(false);
    await expect(ask(url, '/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('has a page of an earlier run refused, and one with the same token served again', async () => {
    const first = await inspected();
    const { port } = new URL(first.url);
    await first.test.node.close();
    const second = await inspected({ port: Number(port) });
    expect((await ask(second.url, '/api/connections?source=0', { token: first.token })).status).toBe(401);
    await second.test.node.close();
    const third = await inspected({ port: Number(port), token: first.token });
    expect((await ask(third.url, '/api/connections?source=0', { token: first.token })).status).toBe(200);
  });

  it('fails the start where the port is taken', async () => {
    const first = await inspected();
    const node = own(new PeerNode<string>({ codec: lines(), ...inMemory() }));
    node.use(inspector({ port: Number(new URL(first.url).port) }));
    await expect(node.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(node.state).toBe('closed');
  });

  it('shows a node that is closing', async () => {
    let goOn = (): void => {};
    const { test, url, token } = await inspected(
      { intervalMs: 100 },
      { onStop: () => new Promise<void>((resolve) => (goOn = resolve)) },
    );
    await makeNode({ codec: lines(), transport: test.node.config.transport }).node.connect(
      test.node.address!,
    );
    const page = watch(url);
    await until('it was told', () => page.events.length >= 2);
    const asked = ask(url, '/api/connections?source=0', { token }).catch(() => undefined);
    const closing = test.node.close();
    await asked;
    goOn();
    await closing;
    await page.ended;
  });

  it('keeps nothing of ten thousand connections that came and went', async () => {
    const transport = memoryTransport();
    const limits = {
      maxConnections: 200,
      maxConnectionsPerIp: 200,
      maxConnecting: 200,
      maxConnectingPerIp: 200,
    };
    const test = makeNode({ codec: lines(), transport, ...limits });
    test.node.use(inspector({ intervalMs: 100 }));
    await listen(test);
    const client = makeNode({ codec: lines(), transport, ...limits }).node;
    const url = test.node.plugin(inspector).url!;
    const page = watch(url);
    for (let round = 0; round < 200; round++) {
      const opened = await Promise.all(
        Array.from({ length: 50 }, () => client.connect(test.node.address!, { parallel: true })),
      );
      await Promise.all(opened.map((connection) => connection.disconnect()));
    }
    await until('all are gone', () => test.node.connections.size === 0);
    const before = page.events.length;
    await until('it was told', () => page.events.length > before + 1);
    const { connections, topology } = sectionsOf(page.events);
    expect(connections).toMatchObject({ total: 0 });
    expect(topology).toEqual([]);
    const bytes = JSON.stringify(page.events.at(-1)).length;
    expect(bytes).toBeLessThan(100_000);
    page.end();
  });

  it('sends a page with five thousand connections little', async () => {
    const { NodeSource } = await import('../src/inspector/node-source.js');
    const { resolveInspector } = await import('../src/inspector/options.js');
    const transport = memoryTransport();
    const limits = {
      maxConnections: 5_100,
      maxConnectionsPerIp: 5_100,
      maxConnecting: 200,
      maxConnectingPerIp: 200,
    };
    const test = makeNode({ codec: lines(), transport, ...limits });
    const source = new NodeSource('0', test.node, resolveInspector({}));
    await listen(test);
    const client = makeNode({ codec: lines(), transport, ...limits }).node;
    for (let round = 0; round < 100; round++) {
      await Promise.all(
        Array.from({ length: 50 }, () => client.connect(test.node.address!, { parallel: true })),
      );
    }
    let told = 0;
    const end = source.watch((sections) => void (told += JSON.stringify(sections).length));
    end();
    expect(told).toBeLessThan(64_000);
    const page = await source.table({
      sort: 'bytes',
      descending: true,
      filter: '',
      offset: 4_000,
      limit: 60,
    });
    expect(page).toMatchObject({ total: 5_000, matching: 5_000 });
    expect(JSON.stringify(page).length).toBeLessThan(64_000);
    source.close();
  });
});
