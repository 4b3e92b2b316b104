// npm run api: builds, and writes what every entry point exports into api/. A test compares it with the code, so that
// nobody changes what the packages promise without seeing it.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { entryPointsOf, publicApi } from './public-api.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'api');
const entryPoints = publicApi(entryPointsOf(root));

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
for (const { report, text } of entryPoints) writeFileSync(join(folder, report), text);

const undocumented = entryPoints.flatMap((entry) =>
  entry.undocumented.map((name) => `${entry.name}: ${name}`),
);
for (const line of undocumented) console.error(`not described: ${line}`);
console.log(`${entryPoints.length} entry points, ${undocumented.length} exports and members not described`);
