import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { until } from '@pea2pea/testing';

const PROGRAM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

/** Whether there is a browser to drive. */
export const hasBrowser = PROGRAM !== undefined;

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--remote-debugging-pipe',
];

interface Reply {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, never>;
  readonly error?: { readonly message: string };
}

export interface PageOptions {
  readonly width: number;
  readonly height: number;
  readonly theme: 'dark' | 'light';
}

/** A page of a browser. */
export interface Page {
  /** What it complained about: errors, and what its policy has kept from it. */
  readonly problems: string[];
  /** The value of an expression in the page. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until an expression in the page is true, and does not throw. */
  until(what: string, expression: string): Promise<void>;
  /** A picture of it, kept at `path` where one is given. */
  screenshot(path?: string): Promise<Buffer>;
}

/** A browser without a window, driven over pipes. */
export class Browser {
  readonly #child: ReturnType<typeof spawn>;
  readonly #profile = mkdtempSync(join(tmpdir(), 'pea2pea-chromium-'));
  readonly #calls = new Map<number, (reply: Reply) => void>();
  readonly #pages = new Map<string, string[]>();
  #last = 0;
  #hasEnded = false;

  constructor() {
    this.#child = spawn(PROGRAM!, [...FLAGS, `--user-data-dir=${this.#profile}`], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    this.#child.once('close', () => (this.#hasEnded = true));
    let received = '';
    (this.#child.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => {
      received += text;
      for (let end: number; (end = received.indexOf('\0')) !== -1; received = received.slice(end + 1)) {
        this.#onReply(JSON.parse(received.slice(0, end)) as Reply & { sessionId?: string });
      }
    });
    (this.#child.stdio[3] as Writable).on('error', () => {});
  }

  async page(url: string, { width, height, theme }: PageOptions): Promise<Page> {
    const { targetId } = await this.#call('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.#call('Target.attachToTarget', { targetId, flatten: true });
    const session = String(sessionId);
    const problems: string[] = [];
    this.#pages.set(session, problems);
    for (const domain of ['Runtime', 'Log', 'Page']) await this.#call(`${domain}.enable`, {}, session);
    const metrics = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.#call('Emulation.setDeviceMetricsOverride', metrics, session);
    const features = [{ name: 'prefers-color-scheme', value: theme }];
    await this.#call('Emulation.setEmulatedMedia', { features }, session);
    await this.#call('Page.navigate', { url }, session);
    const evaluate = async <T>(expression: string): Promise<T> => {
      const params = { expression, awaitPromise: true, returnByValue: true };
      const { result, exceptionDetails } = (await this.#call('Runtime.evaluate', params, session)) as {
        result: { value: T };
        exceptionDetails?: { text: string; exception?: { description: string } };
      };
      if (exceptionDetails !== undefined)
        throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    };
    return {
      problems,
      evaluate,
      until: (what, expression) =>
        untilTrue(what, () =>
          evaluate<boolean>(`(() => { try { return Boolean(${expression}); } catch { return false; } })()`),
        ),
      screenshot: async (path) => {
        const { data } = await this.#call('Page.captureScreenshot', { format: 'png' }, session);
        const image = Buffer.from(String(data), 'base64');
        if (path !== undefined) writeFileSync(path, image);
        return image;
      },
    };
  }

  async close(): Promise<void> {
    await this.#call('Browser.close').catch(() => {});
    await until('the browser has ended', () => this.#hasEnded);
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  #call(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.#last;
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => {
      this.#calls.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
    });
  }

  #onReply(reply: Reply & { sessionId?: string }): void {
    const { id, method, params, sessionId } = reply;
    if (id !== undefined) {
      this.#calls.get(id)?.(reply);
      this.#calls.delete(id);
      return;
    }
    const isProblem =
      method === 'Runtime.exceptionThrown' ||
      (method === 'Log.entryAdded' && (params?.['entry'] as { level?: string }).level === 'error') ||
      (method === 'Runtime.consoleAPICalled' && params?.['type'] === 'error');
    if (isProblem && sessionId !== undefined) this.#pages.get(sessionId)?.push(JSON.stringify(params));
  }
}

async function untilTrue(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  let isDone = false;
  let error: unknown;
  const run = async (): Promise<void> => {
    while (!isDone && error === undefined) isDone = await isTrue();
  };
  run().catch((thrown: unknown) => void (error = thrown ?? new Error('thrown')));
  await until(what, () => isDone || error !== undefined);
  if (error !== undefined) throw error as Error;
}
