// A registry on the loopback for scripts/rehearse-publishing.mjs: it holds the packages of the scope alone, asks no other
// registry, and ends when whoever started it ends.
// node registry.mjs <folder where verdaccio is installed> <folder to keep the packages in>
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [installed = '', storage = ''] = process.argv.slice(2);
const { runServer } = createRequire(join(installed, 'package.json'))('verdaccio');
const path = join(storage, 'config.yaml');
const app = await runServer({
  configPath: path,
  self_path: path,
  storage,
  auth: {},
  packages: { '@pea2pea/*': { access: '$all', publish: '$all' } },
  web: { enable: false },
  log: { type: 'stderr', level: 'warn' },
});
app.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${app.address().port}/`));
process.stdin.resume().on('end', () => process.exit());
