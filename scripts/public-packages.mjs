// The packages that are published: all but those that are private.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The names of their folders below `packages`. A folder that was a package may still hold what was built. */
export function publicPackagesOf(root) {
  return readdirSync(join(root, 'packages')).filter((name) => {
    const folder = join(root, 'packages', name);
    return existsSync(join(folder, 'package.json')) && manifestOf(folder).private !== true;
  });
}

/** The package.json in a folder. */
export function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}
