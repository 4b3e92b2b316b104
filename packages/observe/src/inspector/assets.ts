import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the page. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
}

const HTML = 'text/html; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

/** Files of the page, as they lie in its folder. */
const OWN = [
  'app.js',
  'charts.js',
  'connections.js',
  'drawer.js',
  'endings.js',
  'format.js',
  'frames.js',
  'live.js',
  'log.js',
  'overview.js',
  'parts.js',
  'plugins.js',
  'topology.js',
  'theme.js',
] as const;

/** The libraries of the page, by the name that it imports them by, and where their packages have them. */
const LIBRARIES = {
  'preact.js': ['preact', 'preact.mjs'],
  'hooks.js': ['preact/hooks', 'hooks.mjs'],
  'htm.js': ['htm', 'htm.mjs'],
  'uplot.js': ['uplot', 'uPlot.esm.js'],
  'uplot.css': ['uplot', 'uPlot.min.css'],
} as const;

let loaded: ReadonlyMap<string, Asset> | undefined;

/** All files of the page by their path; read once. */
export function assets(): ReadonlyMap<string, Asset> {
  return (loaded ??= load());
}

function load(): Map<string, Asset> {
  const files = new Map<string, Asset>();
  const own = (name: string): Buffer =>
    readFileSync(fileURLToPath(new URL(`../../src/inspector/page/${name}`, import.meta.url)));
  files.set('/', { type: HTML, body: own('index.html') });
  files.set('/style.css', { type: STYLE, body: own('style.css') });
  for (const name of OWN) files.set(`/${name}`, { type: SCRIPT, body: own(name) });
  const { resolve } = createRequire(import.meta.url);
  for (const [name, [specifier, file]] of Object.entries(LIBRARIES)) {
    const text = readFileSync(join(dirname(resolve(specifier)), file), 'utf8');
    const isScript = name.endsWith('.js');
    // Browsers know no packages: what one library imports of another is beside it. Maps of sources are not served.
    const served = isScript
      ? text
          .replaceAll(/from\s*(["'])preact\1/g, 'from"./preact.js"')
          .replace(/\/\/# sourceMappingURL=.*/, '')
      : text;
    files.set(`/lib/${name}`, { type: isScript ? SCRIPT : STYLE, body: Buffer.from(served) });
  }
  return files;
}
