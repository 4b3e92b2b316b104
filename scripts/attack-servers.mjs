// npm run attack-servers [-- name ...] [--seconds 1] [--write]: sets peers with something wrong against our chat, a node of ours,
// and servers of other people on the loopback, and prints what each of them did. --write puts the table into
// docs/attack-command.md. Those of npm are installed into tests/gallery first.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '1' }, write: { type: 'boolean', default: false } },
});
const gallery = new URL('../tests/gallery/', import.meta.url);
const page = new URL('../docs/attack-command.md', import.meta.url);
const MARK = '<!-- what servers did -->';

if (!existsSync(new URL('node_modules/@nestjs/microservices', gallery))) {
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: gallery, stdio: 'inherit' });
  if (status !== 0) {
    console.log('skipped: npm cannot fetch the servers of other people');
    process.exit(0);
  }
}
const { attackServer, SERVERS, tableOf, titleOf } = await import(new URL('servers/table.mjs', gallery).href);

const unknown = positionals.filter((name) => !SERVERS.some((server) => server.name === name));
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')}, but ${SERVERS.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}
const results = [];
for (const server of SERVERS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
  const outcomes = await attackServer(server, { lastingMs: 1_000 * Number(values.seconds) });
  results.push({ title: titleOf(server), outcomes });
  console.error(`${server.name}: ${outcomes.length} peers`);
}
const table = tableOf(results);
console.log(table);
if (values.write) {
  const [before, , after] = readFileSync(page, 'utf8').split(MARK);
  writeFileSync(page, [before, `\n\n${table}\n\n`, after].join(MARK));
}
