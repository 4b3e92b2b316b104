// The floors of the packages: a file imports its own floor or lower ones, never in a circle.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** Folders of `src`, lowest first. */
const FLOORS = {
  core: ['contracts', 'authoring', 'mechanisms', 'connection', 'flows', '.'],
  decorators: ['declarations', 'wiring', 'running', '.'],
};
/** Modules that only one file of `packages/core/src` may touch, and where. */
const GATES = [
  { what: 'node:net', pattern: /from 'node:net'/, home: 'mechanisms/tcp-transport.ts' },
  {
    what: 'timers, clocks and randomness',
    pattern:
      /(?<![.\w])(setTimeout|setInterval|setImmediate)\((?!callback:)|\bDate\.now|\bnew Date\b|\bperformance\.|\bMath\.random/,
    home: 'mechanisms/system-clock.ts',
  },
];
/** The logger that users bring, which may throw. Everybody else logs through that of the node, which does not. */
const RAW_LOGGER = { pattern: /\bconfig\.logger\b/, home: 'core/connection/node-context.ts' };
/** What each package may import besides its own files. */
const PACKAGES = {
  core: [/^node:/],
  codecs: [/^node:/, /^@pea2pea\/core(\/authoring)?$/],
  decorators: [/^@pea2pea\/core(\/authoring)?$/, /^inversify$/],
  // What anybody else's plugin needs, and no more; secure channels need ciphers and streams.
  plugins: [/^@pea2pea\/(core(\/authoring)?|decorators)$/, /^node:(crypto|stream|tls)$/],
  streams: [/^node:/, /^@pea2pea\/core(\/authoring)?$/],
};
/**
 * What some files may import besides: the conformance kit drives codecs as a connection does, and a sub-path may
 * name the types of the library that it is for (it loads the library itself by name, when it is there).
 */
const EXCEPTIONS = [
  { files: /^codecs\/testing(\/|\.ts$)/, specifier: '@pea2pea/core/internal' },
  { files: /^codecs\/testing\/randomness\.ts$/, specifier: '@pea2pea/core/testing' },
  { files: /^codecs\/protobuf(-objects|-walk)?\.ts$/, specifier: '@bufbuild/protobuf' },
];
const MAX_LINES = 400;

/** Every violation in the packages below `root`, one line each. */
export function findViolations(root) {
  const violations = [];
  for (const [name, allowed] of Object.entries(PACKAGES)) {
    const src = join(root, 'packages', name, 'src');
    const imports = new Map();
    for (const file of sources(src)) {
      const text = readFileSync(file, 'utf8');
      const path = relative(src, file).split(sep).join('/');
      const lines = text.split('\n').length - 1;
      if (lines > MAX_LINES) violations.push(`${name}/${path}: ${lines} lines, the limit is ${MAX_LINES}`);
      const targets = [];
      for (const specifier of specifiers(text)) {
        if (specifier.startsWith('.')) {
          targets.push(
            relative(src, resolve(dirname(file), specifier))
              .split(sep)
              .join('/')
              .replace(/\.js$/, '.ts'),
          );
        } else if (isException(`${name}/${path}`, specifier)) {
          continue;
        } else if (
          !allowed.some((pattern) => pattern.test(specifier)) ||
          (name !== 'core' && specifier === 'node:net')
        ) {
          violations.push(`${name}/${path}: must not import ${specifier}`);
        }
      }
      imports.set(path, targets);
      if (`${name}/${path}` !== RAW_LOGGER.home && RAW_LOGGER.pattern.test(withoutComments(text))) {
        violations.push(`${name}/${path}: the logger of a configuration may throw, use node.logger`);
      }
      const floors = FLOORS[name];
      if (floors === undefined) continue;
      const floorOf = (file) => floors.indexOf(dirname(file));
      for (const target of targets) {
        if (floorOf(target) > floorOf(path)) violations.push(`${name}/${path}: looks up to ${target}`);
      }
      if (name !== 'core') continue;
      for (const { what, pattern, home } of GATES) {
        if (path !== home && pattern.test(withoutComments(text)))
          violations.push(`core/${path}: ${what} belong in ${home}`);
      }
    }
    for (const circle of circles(imports)) violations.push(`${name}: circular import ${circle.join(' -> ')}`);
  }
  return violations;
}

function isException(file, specifier) {
  return EXCEPTIONS.some((exception) => exception.specifier === specifier && exception.files.test(file));
}

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (entry.name.endsWith('.ts')) yield path;
  }
}

/** Type-only imports vanish from the output, but they are dependencies all the same. */
function* specifiers(text) {
  for (const [, specifier] of withoutComments(text).matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)'([^']+)'/g))
    yield specifier;
}

function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

/** Each circle once, found by walking depth first. */
function circles(imports) {
  const found = [];
  const done = new Set();
  const walk = (path, trail) => {
    const start = trail.indexOf(path);
    if (start !== -1) {
      found.push([...trail.slice(start), path]);
      return;
    }
    if (done.has(path)) return;
    for (const target of imports.get(path) ?? []) walk(target, [...trail, path]);
    done.add(path);
  };
  for (const path of imports.keys()) walk(path, []);
  return found;
}
