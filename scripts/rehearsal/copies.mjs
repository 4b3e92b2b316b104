// Run in a project: prints each place where the project, or one of the packages that are named, finds core, and the
// version that is there.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const here = createRequire(join(process.cwd(), 'package.json'));
const finders = [here, ...process.argv.slice(2).map((name) => createRequire(here.resolve(name)))];
const lines = finders.map((find) => {
  const { version } = find('@pea2pea/core/package.json');
  return `${find.resolve('@pea2pea/core')} ${version}`;
});
console.log([...new Set(lines)].join('\n'));
