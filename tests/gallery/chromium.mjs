// A browser without a window, driven by the DevTools protocol over pipes: no port of its own, and no package.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { within } from './harness.mjs';

const program = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

/** Why there is no browser; undefined where there is one. */
export const missingBrowser =
  process.env.GALLERY_FAST === '1'
    ? 'a browser takes long to start'
    : program === undefined
      ? 'chromium is not installed: npm run gallery -- --apt'
      : undefined;

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--remote-debugging-pipe',
];

/** Starts a browser; `page(url)` opens a page there, and returns a function that evaluates an expression in it. */
export async function browser(t) {
  const profile = mkdtempSync(join(tmpdir(), 'gallery-chromium-'));
  const child = spawn(program, [...FLAGS, `--user-data-dir=${profile}`], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  t.after(async () => {
    // In order, or the processes that it has started would outlive it for a while.
    await call('Browser.close').catch(() => {});
    await within('the browser to end', ended, 5_000).catch(() => child.kill('SIGKILL'));
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  const [commands, events] = [child.stdio[3], child.stdio[4]];
  commands.on('error', () => {});

  const calls = new Map();
  let received = '';
  events.setEncoding('utf8').on('data', (text) => {
    received += text;
    for (let end; (end = received.indexOf('\0')) !== -1; received = received.slice(end + 1)) {
      const { id, result, error } = JSON.parse(received.slice(0, end));
      if (error === undefined) calls.get(id)?.resolve(result);
      else calls.get(id)?.reject(new Error(error.message));
      calls.delete(id);
    }
  });

  let next = 1;
  const call = (method, params = {}, sessionId) => {
    const id = next++;
    const reply = new Promise((resolve, reject) => calls.set(id, { resolve, reject }));
    commands.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return within(method, reply, 60_000);
  };

  await call('Browser.getVersion');
  return {
    async page(url) {
      const { targetId } = await call('Target.createTarget', { url });
      const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true });
      return async (expression) => {
        const params = { expression, awaitPromise: true, returnByValue: true };
        const { result, exceptionDetails } = await call('Runtime.evaluate', params, sessionId);
        if (exceptionDetails !== undefined)
          throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
      };
    },
  };
}
