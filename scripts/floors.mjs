// The floors of the packages: a file imports its own floor or lower ones, never in a circle.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/**
 * Folders of `src`, lowest first. Folders of one floor know nothing of each other, but for what `NEIGHBOURS` names. Where
 * `.` is not the highest, `entries` are the files of it that stand above all.
 */
const FLOORS = {
  core: { floors: ['errors', 'net', 'contracts', 'authoring', 'mechanisms', 'connection', 'flows', '.'] },
  codecs: { floors: ['.'] },
  streams: { floors: ['shared', ['multistream', 'protocols', 'yamux'], '.'] },
  noise: { floors: ['.'] },
  tls: { floors: ['.'] },
  network: {
    floors: [
      'shared',
      'store',
      'book',
      'manager',
      ['discovery', 'exchange', 'kademlia', 'liveness', 'gossip', 'mdns'],
      '.',
    ],
  },
  policies: { floors: ['shared', ['bans', 'keep-alive', 'rate-limit', 'reconnect', 'unique-peer'], '.'] },
  observe: {
    floors: [['snapshot', 'tap'], 'metrics', ['health', 'inspector', 'prometheus', 'opentelemetry'], '.'],
  },
  rpc: { floors: ['.', 'decorators'], entries: ['decorators.ts'] },
  decorators: { floors: ['declarations', 'wiring', 'running', '.'] },
  testing: {
    floors: ['.', 'simulation', ['altered', 'exploration', 'lab'], ['attack', 'kits'], 'kits/codec'],
    entries: ['index.ts', 'fast-check.ts'],
  },
};
/** One plugin that knows of another: `reconnect` follows the connection that `unique-peer` kept. */
const NEIGHBOURS = ['policies/reconnect -> policies/unique-peer'];
/** The world around the nodes that are tested: sockets and time of its own. */
const WORLD = 'testing';
/** What only these files may touch, in any other package. */
const GATES = [
  { what: 'node:net', pattern: /from 'node:net'/, homes: ['core/mechanisms/tcp-transport.ts'] },
  {
    what: 'timers, clocks and randomness',
    pattern:
      /(?<![.\w])(setTimeout|setInterval)\((?!callback:)|\bDate\.now|\bnew Date(?!\([^)])|\bperformance\.|\bMath\.random/,
    homes: ['core/mechanisms/system-clock.ts'],
  },
  {
    what: 'turns of the event loop',
    pattern: /(?<![.\w])(setImmediate|queueMicrotask)\(|\bnextTick\(/,
    homes: [
      'core/mechanisms/system-clock.ts',
      'core/authoring/call-apart.ts', // what a listener throws is thrown apart
      'core/connection/writer.ts', // one flush for all that was sent in a turn
    ],
  },
];
/** The logger that users bring, which may throw. Everybody else logs through that of the node, which does not. */
const RAW_LOGGER = { pattern: /\bconfig\.logger\b/, home: 'core/connection/node-context.ts' };
const CORE = /^@pea2pea\/core(\/authoring)?$/;
/** What each package may import besides its own files. Only `decorators` needs a container. */
export const PACKAGES = {
  core: [/^node:/],
  codecs: [/^node:/, CORE],
  streams: [/^node:/, CORE],
  noise: [CORE, /^node:(crypto|fs\/promises|path|stream)$/],
  tls: [CORE, /^node:(crypto|stream|tls|url)$/],
  network: [
    CORE,
    /^@pea2pea\/(codecs|policies|streams)$/,
    /^node:(crypto|dns\/promises|fs\/promises|module|os|path)$/,
  ],
  policies: [CORE],
  observe: [
    CORE,
    /^node:(async_hooks|crypto|diagnostics_channel|fs|http|module|path|perf_hooks|stream|url|util|util\/types)$/,
  ],
  rpc: [CORE, /^node:diagnostics_channel$/],
  decorators: [CORE, /^inversify$/],
  testing: [CORE, /^@pea2pea\/core\/testing$/, /^node:/, /^(@peculiar\/x509|reflect-metadata)$/],
};
/**
 * What some files may import besides: a sub-path of rpc is for annotated peers, the conformance kit drives codecs as a connection does, and a sub-path may
 * name the types of the library that it is for (it loads the library itself by name, when it is there).
 */
const EXCEPTIONS = [
  { files: /^observe\/prometheus\//, specifier: 'prom-client' },
  { files: /^network\/kademlia\//, specifier: '@pea2pea/rpc' },
  { files: /^observe\/opentelemetry\//, specifier: '@opentelemetry/api' },
  { files: /^rpc\/decorators\//, specifier: '@pea2pea/decorators' },
  { files: /^testing\/fast-check\.ts$/, specifier: 'fast-check' },
  { files: /^testing\/kits\/codec\//, specifier: '@pea2pea/core/internal' },
  { files: /^codecs\/protobuf(-objects|-walk)?\.ts$/, specifier: '@bufbuild/protobuf' },
];
const MAX_LINES = 400;

/** Every violation in the packages below `root`, one line each. */
export function findViolations(root) {
  const violations = [];
  for (const [name, allowed] of Object.entries(PACKAGES)) {
    const src = join(root, 'packages', name, 'src');
    const imports = new Map();
    for (const file of sourcesIn(src)) {
      const text = readFileSync(file, 'utf8');
      const path = relative(src, file).split(sep).join('/');
      const lines = text.split('\n').length - 1;
      if (lines > MAX_LINES) violations.push(`${name}/${path}: ${lines} lines, the limit is ${MAX_LINES}`);
      const targets = [];
      for (const specifier of specifiersIn(text)) {
        if (specifier.startsWith('.')) {
          targets.push(
            relative(src, resolve(dirname(file), specifier))
              .split(sep)
              .join('/')
              .replace(/\.js$/, '.ts'),
          );
        } else if (isException(`${name}/${path}`, specifier)) {
          continue;
        } else if (!allowed.some((pattern) => pattern.test(specifier))) {
          violations.push(`${name}/${path}: must not import ${specifier}`);
        }
      }
      imports.set(path, targets);
      if (`${name}/${path}` !== RAW_LOGGER.home && RAW_LOGGER.pattern.test(withoutComments(text))) {
        violations.push(`${name}/${path}: the logger of a configuration may throw, use node.logger`);
      }
      for (const target of targets) {
        const why = misplaced(name, path, target);
        if (why !== undefined) violations.push(`${name}/${path}: ${why} ${target}`);
      }
      for (const { what, pattern, homes } of GATES) {
        if (name !== WORLD && !homes.includes(`${name}/${path}`) && pattern.test(withoutComments(text)))
          violations.push(`${name}/${path}: ${what} belong in ${homes.join(', ')}`);
      }
    }
    for (const circle of circles(imports)) violations.push(`${name}: circular import ${circle.join(' -> ')}`);
  }
  for (const name of Object.keys(PACKAGES))
    violations.push(
      ...borrowed(root, `packages/${name}/test`, (path) => path.startsWith(`packages/${name}/`)),
    );
  violations.push(...borrowed(root, 'tests', (path) => !path.startsWith('packages/')));
  return violations;
}

/** Imports by which tests in `folder` reach for files of others. What tests share is in the kit. */
function borrowed(root, folder, isOwn) {
  const found = [];
  if (!existsSync(join(root, folder))) return found;
  for (const file of sourcesIn(join(root, folder))) {
    const pathOf = (absolute) => relative(root, absolute).split(sep).join('/');
    for (const specifier of specifiersIn(readFileSync(file, 'utf8'))) {
      const target = pathOf(resolve(dirname(file), specifier));
      if (specifier.startsWith('.') && !isOwn(target))
        found.push(`${pathOf(file)}: borrows ${target}, what tests share belongs in packages/testing`);
    }
  }
  return found;
}

/** Why `file` must not import `target` of the same package; undefined where it may. */
function misplaced(name, file, target) {
  const { floors, entries = [] } = FLOORS[name];
  const floorOf = (path) =>
    entries.includes(path)
      ? floors.length
      : floors.findIndex((floor) => [floor].flat().includes(dirname(path)));
  if (floorOf(target) > floorOf(file)) return 'looks up to';
  const [from, to] = [`${name}/${dirname(file)}`, `${name}/${dirname(target)}`];
  if (floorOf(target) < floorOf(file) || from === to || NEIGHBOURS.includes(`${from} -> ${to}`))
    return undefined;
  return 'knows nothing of';
}

function isException(file, specifier) {
  return EXCEPTIONS.some((exception) => exception.specifier === specifier && exception.files.test(file));
}

/** Every source below `folder`. */
export function* sourcesIn(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && entry.name !== 'node_modules') yield* sourcesIn(path);
    else if (entry.name.endsWith('.ts')) yield path;
  }
}

/** What a source imports. Type-only imports vanish from the output, but they are dependencies all the same. */
export function* specifiersIn(text) {
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
