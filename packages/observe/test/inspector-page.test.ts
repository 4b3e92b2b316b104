import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { json } from '@pea2pea/codecs';
import { memoryTransport, peerIdentity, type Codec, type Hooks } from '@pea2pea/core';
import { inspector, type InspectorOptions } from '@pea2pea/observe/inspector';
import { bans, rateLimit, reconnect } from '@pea2pea/policies';
import { lab, until, type TestNode } from '@pea2pea/testing';
import { Browser, hasBrowser, type Page, type PageOptions } from './support/browser.js';

if (!hasBrowser) console.log('chromium is not installed: the page of the inspector is not looked at');
const look = hasBrowser ? describe : describe.skip;
/** Where pictures are kept, for people to look at. */
const PICTURES = process.env['INSPECTOR_PICTURES'];

const { makeNode } = lab();
const codec = (): Codec<string> => json() as unknown as Codec<string>;
const WIDE: PageOptions = { width: 1440, height: 900, theme: 'dark' };
const NARROW: PageOptions = { width: 760, height: 1000, theme: 'light' };
const VIEWS = ['Overview', 'Connections', 'Ends and refusals', 'Plugins', 'Frames', 'Log'];

let browser: Browser;
beforeAll(() => {
  if (hasBrowser) browser = new Browser();
});
afterAll(() => browser?.close());

interface Inspected {
  readonly test: TestNode;
  readonly url: string;
  readonly dial: (times: number) => Promise<void>;
  readonly clients: TestNode[];
}

async function inspected(options: InspectorOptions = {}, hooks: Hooks<string> = {}): Promise<Inspected> {
  const transport = memoryTransport();
  const limits = {
    maxConnections: 2_500,
    maxConnectionsPerIp: 2_500,
    maxConnecting: 200,
    maxConnectingPerIp: 200,
  };
  const test = makeNode({ codec: codec(), transport, name: 'alice', ...limits }, hooks);
  test.node
    .use(inspector({ intervalMs: 200, frames: 'bytes', ...options }))
    .use(bans())
    .use(rateLimit())
    .use(reconnect({ addresses: ['10.9.9.9:4000', 'seed.example.org:4000'] }));
  await test.node.listen({ host: '10.0.0.1', port: 4000 });
  const clients: TestNode[] = [];
  return {
    test,
    url: test.node.plugin(inspector).url!,
    clients,
    dial: async (times) => {
      const client = makeNode({ codec: codec(), transport, ...limits });
      clients.push(client);
      for (let done = 0; done < times; done += 50) {
        const some = Array.from({ length: Math.min(50, times - done) }, (_, index) => done + index);
        await Promise.all(
          some.map((number) => {
            const localAddress = `10.${1 + (number % 30)}.${number >> 8}.${1 + (number % 250)}`;
            return client.node
              .connect(test.node.address!, { parallel: true, localAddress })
              .catch(() => client.node.connect(test.node.address!, { parallel: true }));
          }),
        );
      }
    },
  };
}

async function open(url: string, options: PageOptions = WIDE): Promise<Page> {
  const page = await browser.page(url, options);
  await page.until('it is live', `document.querySelector('.tabs') !== null`);
  return page;
}

const click = (page: Page, selector: string, text = ''): Promise<void> =>
  page.until(
    `"${text}" was clicked`,
    `(() => { const found = [...document.querySelectorAll(${JSON.stringify(selector)})].find((one) => one.textContent.includes(${JSON.stringify(text)})); found?.click(); return found; })()`,
  );

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES !== undefined) mkdirSync(PICTURES, { recursive: true });
  const image = await page.screenshot(PICTURES === undefined ? undefined : join(PICTURES, `${name}.png`));
  expect(image.length).toBeGreaterThan(10_000);
}

/** Nothing is wider than the window, and nothing was complained about. */
async function expectSound(page: Page): Promise<void> {
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  expect(page.problems).toEqual([]);
}

look('the page', () => {
  it.each([
    [5, WIDE],
    [5, NARROW],
    [2_000, WIDE],
    [2_000, NARROW],
  ])('shows each view with %i connections, in a window of %o', async (count, options) => {
    const { url, dial, test } = await inspected();
    await dial(count);
    const page = await open(url, options);
    await page.until(
      'it knows all',
      `document.querySelector('.tabs small').textContent.replace(/\\D/g, '') === '${count}'`,
    );
    for (const view of VIEWS) {
      await click(page, '.tabs button', view);
      await page.until(
        'it is shown',
        `document.querySelector('.tabs .on').textContent.startsWith('${view}')`,
      );
      if (view === 'Connections')
        await page.until('rows are shown', `document.querySelectorAll('.body .row').length >= 5`);
      await expectSound(page);
      await picture(page, `${view.split(' ')[0]!.toLowerCase()}-${count}-${options.width}-${options.theme}`);
    }
    expect(test.node.connections.size).toBe(count);
  });

  it('has in it those rows of the table that are in sight, however many there are', async () => {
    const { url, dial } = await inspected();
    await dial(2_000);
    const page = await open(`${url}&view=connections`);
    await page.until('rows are shown', `document.querySelectorAll('.body .row').length >= 5`);
    expect(await page.evaluate(`document.querySelectorAll('.body .row').length`)).toBeLessThan(80);
    const last = `[...document.querySelectorAll('.body .row')].at(-1).style.transform`;
    const before = await page.evaluate(last);
    await page.evaluate(`document.querySelector('.body').scrollTop = 40_000`);
    await page.until('others are shown', `${last} !== ${JSON.stringify(before)}`);
    await page.evaluate(
      `(() => { const field = document.querySelector('.search input'); field.value = '10.7.'; field.dispatchEvent(new Event('input', { bubbles: true })); })()`,
    );
    await page.until(
      'it is filtered',
      `document.querySelectorAll('.body .row').length > 0 && [...document.querySelectorAll('.body .row')].every((row) => row.textContent.includes('10.7.'))`,
    );
    await expectSound(page);
  });

  it('goes from dark to light and back, and remembers it', async () => {
    const { url } = await inspected();
    const page = await open(url);
    const background = `getComputedStyle(document.body).backgroundColor`;
    const dark = await page.evaluate(background);
    await click(page, '[aria-label="Use light colours"]');
    await page.until('it is light', `${background} !== ${JSON.stringify(dark)}`);
    await page.evaluate('location.reload()');
    await page.until('it is still light', `document.documentElement.dataset.theme === 'light'`);
  });

  it('shows a connection, and ends it when it is asked for twice', async () => {
    const { url, dial, test } = await inspected({ actions: true });
    await dial(3);
    const page = await open(`${url}&view=connections`);
    await click(page, '.body .row');
    await click(page, '.drawer .button', 'Disconnect');
    await picture(page, 'drawer');
    expect(test.node.connections.size).toBe(3);
    await click(page, '.drawer .button', 'Sure?');
    await until('it has ended', () => test.node.connections.size === 2);
    await page.until('it says so', `document.querySelector('.drawer').textContent.includes('was ended')`);
    await page.until(
      'it shows the log',
      `document.querySelector('.drawer .lines').textContent.includes('disconnected')`,
    );
    await expectSound(page);
  });

  it('has no actions where the node has none', async () => {
    const { url, dial } = await inspected();
    await dial(1);
    const page = await open(`${url}&view=connections`);
    await click(page, '.body .row');
    await page.until('it is shown', `document.querySelector('.drawer .facts') !== null`);
    expect(await page.evaluate(`document.querySelectorAll('.danger').length`)).toBe(0);
  });

  it('shows frames when they are asked for, with secrets masked', async () => {
    const { url, dial, clients } = await inspected();
    await dial(1);
    const page = await open(`${url}&view=frames`);
    await page.until('it is off', `document.body.textContent.includes('The tail is off')`);
    await click(page, '.button', 'Start');
    const [connection] = [...clients[0]!.node.connections];
    const timer = setInterval(
      () => connection!.trySend({ hello: 'world', password: 'hunter22' } as never),
      50,
    );
    try {
      await page.until(
        'a message is shown',
        `document.querySelector('.frames .message')?.textContent.includes('world')`,
      );
      await page.until('bytes are shown', `document.querySelector('.frames details') !== null`);
    } finally {
      clearInterval(timer);
    }
    expect(await page.evaluate(`document.body.textContent.includes('hunter22')`)).toBe(false);
    await picture(page, 'frames-tail');
    await expectSound(page);
  });

  it('makes text of what peers say, whatever they say', async () => {
    const evil = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
    const { url, dial, test } = await inspected(
      {},
      { onHandshake: ({ context }) => context.set(peerIdentity, evil) },
    );
    await dial(2);
    await until('both are open', () => test.node.connections.size === 2);
    test.node.logger.warn({ peer: evil, reason: evil, [evil]: evil }, evil);
    const [first] = [...test.node.connections];
    await first!.disconnect(evil);
    const page = await open(url);
    for (const view of VIEWS) {
      await click(page, '.tabs button', view);
      await page.until(
        'it is shown',
        `document.querySelector('.tabs .on').textContent.startsWith('${view}')`,
      );
      expect(await page.evaluate(`document.querySelectorAll('#app img, #app script').length`)).toBe(0);
    }
    await page.until('it is shown as it is', `document.body.textContent.includes('<img src=x')`);
    expect(await page.evaluate('document.title')).toBe('pea2pea inspector');
    await expectSound(page);
  });

  it('says what to do where the token is wrong, or missing', async () => {
    const { url } = await inspected();
    for (const wrong of [url.replace(/#.*/, ''), url.replace(/token=.{8}/, 'token=00000000')]) {
      const page = await browser.page(wrong, WIDE);
      await page.until('it says so', `document.body.textContent.includes('does not open the inspector')`);
      expect(await page.evaluate(`document.querySelector('.tabs')`)).toBeNull();
    }
  });

  it('outlives a restart of the process, and says what it knows meanwhile', async () => {
    const first = await inspected();
    const { port } = new URL(first.url);
    const token = first.url.replace(/.*#token=/, '');
    const page = await open(first.url);
    await first.test.node.close();
    await page.until(
      'it says so',
      `document.querySelector('[role=alert]')?.textContent.includes('Trying again')`,
    );
    await picture(page, 'lost');
    const second = await inspected({ port: Number(port), token });
    await second.dial(3);
    await page.until(
      'it is live again',
      `document.querySelector('[role=alert]') === null && document.querySelector('.tabs small').textContent === '3'`,
    );
    await second.test.node.close();
    await inspected({ port: Number(port) });
    await page.until(
      'the token is of an earlier run',
      `document.body.textContent.includes('does not open the inspector')`,
    );
  });

  it('asks nobody but the process for anything', async () => {
    const { url } = await inspected();
    const page = await open(url);
    const origins = await page.evaluate<string[]>(
      `[...new Set(performance.getEntriesByType('resource').map(({ name }) => new URL(name).origin))]`,
    );
    expect(origins).toEqual([new URL(url).origin]);
  });
});
