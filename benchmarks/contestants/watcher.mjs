// Looks at a node from outside, as a process of its own: node watcher.mjs scrape|page <url>. Tells its parent whenever it has looked.
//
//   scrape   reads it each second, as Prometheus does
//   page     keeps the stream of an inspector's page open, and asks for the rows of its table each second
import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 1_000;
const PATIENCE_MS = 2_000;

const [how, url] = process.argv.slice(2);
process.once('disconnect', () => process.exit());

const { origin, hash } = new URL(url);
const headers = { authorization: `Bearer ${new URLSearchParams(hash.slice(1)).get('token')}` };

// A node that ends is gone a moment before this process is told to end.
process.on('uncaughtException', (error) => {
  setTimeout(() => {
    console.error(error);
    process.exit(1);
  }, PATIENCE_MS);
});

if (how === 'page') void follow(`${origin}/api/events`);
const asked =
  how === 'page'
    ? `${origin}/api/connections?source=0&sort=id&order=ascending&filter=&offset=0&limit=50`
    : url;
for (;;) {
  const response = await fetch(asked, { headers });
  if (!response.ok) throw new Error(`${asked} replied with ${response.status}`);
  await response.text();
  process.send?.('looked');
  await sleep(EVERY_MS);
}

async function follow(stream) {
  const response = await fetch(stream, { headers });
  if (!response.ok) throw new Error(`${stream} replied with ${response.status}`);
  for await (const _ of response.body);
}
