// Puts a node under observation, in each of the ways in which it can be: `prepare` of `pea2pea.mjs` and of `pea2pea-ends.mjs`.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { healthListener } from '@pea2pea/observe/health';
import { inspector } from '@pea2pea/observe/inspector';
import { prometheus } from '@pea2pea/observe/prometheus';
import { capture } from '@pea2pea/observe/tap';

const WATCHER = fileURLToPath(new URL('watcher.mjs', import.meta.url));

/** Metrics and health, asked for each second. */
export async function scraped(node) {
  const metrics = prometheus(node);
  const health = healthListener(node);
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') return health(request, response);
    void metrics.text().then((text) => response.setHeader('content-type', metrics.contentType).end(text));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const origin = `http://127.0.0.1:${server.address().port}`;
  await watch('scrape', `${origin}/metrics`);
  await watch('scrape', `${origin}/livez`);
}

/** The inspector, with a page open that shows the connections. */
export function inspected(node) {
  node.use(inspector());
  node.use({
    onStart() {
      return watch('page', node.plugin(inspector).url);
    },
  });
}

/** All that goes on while nobody looks for something in particular. */
export async function watched(node) {
  await scraped(node);
  inspected(node);
}

/** A recording of all that passes, which no disk slows down. */
export function recorded(node) {
  const to = new Writable({ write: (_chunk, _encoding, done) => done() });
  node.use(capture({ to, maxBytes: Number.MAX_SAFE_INTEGER, maxFrames: Number.MAX_SAFE_INTEGER }));
}

/** Whoever watches is a process of its own, and ends with this one. Resolves when they have looked for the first time. */
async function watch(how, url) {
  const watcher = fork(WATCHER, [how, url], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await once(watcher, 'message');
  watcher.unref();
  watcher.channel.unref();
}
