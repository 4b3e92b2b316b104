import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { COUNTERS, DEFAULTS, DERIVED_DEFAULTS, PeerError, PeerNode, type PeerErrorCode } from '@pea2pea/core';
import { CODEC_DEFAULTS, lines } from '@pea2pea/codecs';
import {
  BANS_DEFAULTS,
  KEEP_ALIVE_DEFAULTS,
  RATE_LIMIT_DEFAULTS,
  RECONNECT_DEFAULTS,
  UNIQUE_PEER_DEFAULTS,
} from '@pea2pea/policies';
import { NOISE_DEFAULTS } from '@pea2pea/noise';
import { REQUESTS_DEFAULTS } from '@pea2pea/rpc';
import { TLS_DEFAULTS } from '@pea2pea/tls';
import { YAMUX_DEFAULTS } from '@pea2pea/streams';
import ts from 'typescript';
import { render, shownOnPage } from './interop/harness/page.js';
import { savedResults } from './interop/harness/results.js';
import { SUITES } from './interop/suites.js';
import { ERROR_TABLES } from './support/error-tables.js';
import {
  anchorsOf,
  codeIn,
  fencesOf,
  localLinksOf,
  tableOf,
  tablesOf,
  withoutAnchor,
} from './support/markdown.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
  ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`),
].filter((name) => name.endsWith('.md') && existsSync(join(root, name)));

/** How the docs write a value: as it stands in code. */
const written = (value: unknown): string =>
  typeof value === 'string' ? `'${JSON.stringify(value).slice(1, -1)}'` : String(value);

describe('docs/errors.md', () => {
  const page = read('docs/errors.md');
  const tables = tablesOf(page).filter(({ header }) => header.join() === 'code,when,what to do');

  it.each(Object.entries(ERROR_TABLES))('quotes %s, both ways, texts included', (name, table) => {
    const section = page.split(/^### /m).find((text) => text.includes(`\`${name}\``))!;
    const { rows } = tableOf(section, 'code', 'when', 'what to do');
    const listed = rows.map(([code = '', when, remedy]) => [codeIn(withoutAnchor(code)), { when, remedy }]);
    const expected = Object.entries(table).map(([code, { when, remedy }]) => [code, { when, remedy }]);
    expect(listed).toEqual(expected);
  });

  it('has a table for each package that has errors, and an anchor for each code that its error leads to', () => {
    expect(tables).toHaveLength(Object.keys(ERROR_TABLES).length);
    const codes = Object.values(ERROR_TABLES).flatMap((table) => Object.keys(table) as PeerErrorCode[]);
    const targets = codes.map((code) => new PeerError(code, 'for the docs').help);
    expect(targets).toEqual(codes.map((code) => `docs/errors.md#${code.toLowerCase()}`));
    expect(codes.filter((code) => !anchorsOf(page).includes(code.toLowerCase()))).toEqual([]);
  });
});

describe('the pages of the plugins', () => {
  const quoted = new Map(
    ['rate-limit', 'bans', 'reconnect', 'unique-peer', 'rpc', 'noise', 'tls']
      .flatMap((page) => tablesOf(read(`docs/${page}.md`)))
      .filter(({ header }) => header[0] === 'option')
      .flatMap(({ rows }) => rows.map(([option = '', fallback = '']) => [codeIn(option), fallback])),
  );
  const { perConnection, whenExceeded } = RATE_LIMIT_DEFAULTS;
  const { addresses: _, ...reconnect } = RECONNECT_DEFAULTS;

  it.each(
    Object.entries({
      ...Object.fromEntries(
        Object.entries(perConnection).map(([name, value]) => [`perConnection.${name}`, value]),
      ),
      whenExceeded,
      ...BANS_DEFAULTS,
      ...reconnect,
      ...UNIQUE_PEER_DEFAULTS,
      ...NOISE_DEFAULTS,
      ...REQUESTS_DEFAULTS,
      ...TLS_DEFAULTS,
    }),
  )('quotes the default of %s', (name, value) => {
    expect(quoted.get(name)).toBe(`\`${written(value)}\``);
  });
});

describe('docs/keep-alive.md', () => {
  it('quotes the defaults', () => {
    const { rows } = tableOf(read('docs/keep-alive.md'), 'option', 'default', 'meaning');
    const defaults = Object.fromEntries(rows.map(([option = '', fallback]) => [codeIn(option), fallback]));
    for (const [name, value] of Object.entries(KEEP_ALIVE_DEFAULTS))
      expect(defaults[name]).toBe(`\`${value}\``);
  });
});

describe('docs/streams.md', () => {
  it('quotes the defaults of Yamux', () => {
    const { rows } = tableOf(read('docs/streams.md'), 'option', 'default', 'meaning');
    const quoted = Object.fromEntries(rows.map(([option = '', fallback]) => [codeIn(option), fallback]));
    for (const [name, value] of Object.entries(YAMUX_DEFAULTS)) expect(quoted[name]).toBe(`\`${value}\``);
  });
});

describe('docs/interop.md', () => {
  it.each(SUITES)('shows the results of $name, with each of its ends and cases', (suite) => {
    const results = savedResults(suite);
    expect(Object.keys(results)).toEqual(suite.ends.map(({ name }) => name));
    for (const { name, version } of suite.ends) {
      const { skipped, cases, ...result } = results[name]!;
      expect([name, result.version]).toEqual([name, version]);
      if (skipped === undefined) expect(Object.keys(cases)).toEqual(suite.cases.map((one) => one.name));
    }
    expect(shownOnPage(suite)).toBe(render(suite, results));
  });
});

describe('docs/configuration.md', () => {
  const { rows } = tableOf(read('docs/configuration.md'), 'option', 'default', 'range');
  const options = rows.map(([option = '', fallback = '', range = '']) => ({
    name: codeIn(option),
    fallback: codeIn(fallback),
    range,
  }));

  it('lists every option of a node, and none besides', () => {
    const known = Object.keys(new PeerNode({ codec: lines() }).config);
    expect(options.map(({ name }) => name).sort()).toEqual(known.sort());
  });

  it('quotes the defaults', () => {
    const quoted = options
      .filter(({ name }) => name in DEFAULTS || name in DERIVED_DEFAULTS)
      .map((option) => [option.name, option.fallback]);
    const defaults = Object.entries(DEFAULTS).map(([name, value]) => [name, written(value)]);
    expect(Object.fromEntries(quoted)).toEqual({ ...Object.fromEntries(defaults), ...DERIVED_DEFAULTS });
  });

  const bounded = options.flatMap(({ name, range }) => {
    const [, min, max] = /^(\d+)(?: to (\d+)| or more)$/.exec(range) ?? [];
    return min === undefined
      ? []
      : [{ name, min: Number(min), max: max === undefined ? undefined : Number(max) }];
  });

  it('gives every number a range', () => {
    const numbers = Object.entries(DEFAULTS).flatMap(([name, value]) =>
      typeof value === 'number' ? [name] : [],
    );
    expect(bounded.map(({ name }) => name).sort()).toEqual(
      [...numbers, ...Object.keys(DERIVED_DEFAULTS)].sort(),
    );
  });

  it.each(bounded)('the range of $name is the one that is checked', ({ name, min, max }) => {
    const make = (value: number) => () => new PeerNode({ codec: lines(), [name]: value });
    expect(make(min)).not.toThrow();
    expect(make(min - 1)).toThrow(PeerError);
    expect(make(max ?? Number.MAX_SAFE_INTEGER)).not.toThrow();
    if (max !== undefined) expect(make(max + 1)).toThrow(PeerError);
  });
});

describe('docs/observability.md', () => {
  const page = read('docs/observability.md');

  it('lists the heuristics, both ways', () => {
    const { rows } = tableOf(page, 'counter', 'counts');
    const counters = Object.keys(new PeerNode({ codec: lines() }).heuristics);
    expect(rows.map(([name = '']) => codeIn(name)).sort()).toEqual(counters.sort());
  });

  it('says of each counter what its table says', () => {
    const { rows } = tableOf(page, 'counter', 'counts');
    const withoutLinks = (text: string): string => text.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const said = rows.map(([name = '', counts = '']) => [codeIn(name), withoutLinks(counts)]);
    expect(said).toEqual(Object.entries(COUNTERS).map(([name, { help }]) => [name, help]));
  });

  it('lists the stats, both ways', () => {
    const { rows } = tableOf(page, 'field', 'counts');
    const fields = Object.keys(new PeerNode({ codec: lines() }).stats);
    expect(rows.map(([name = '']) => codeIn(name)).sort()).toEqual(fields.sort());
  });

  it.each([
    ['channel', 'packages/core/src/contracts/diagnostics.ts'],
    ['channel of requests', 'packages/rpc/src/diagnostics.ts'],
  ])('lists each %s, both ways', (header, path) => {
    const channels = [...read(path).matchAll(/hannel\('([^']+)'\)/g)].map(([, name]) => name);
    const { rows } = tableOf(page, header, 'when');
    expect(channels.length).toBeGreaterThan(1);
    expect(rows.map(([name = '']) => codeIn(name)).sort()).toEqual(channels.sort());
  });
});

describe('docs/limits.md', () => {
  it('names only counters that exist', () => {
    const counters = Object.keys(new PeerNode({ codec: lines() }).heuristics);
    const { header, rows } = tableOf(read('docs/limits.md'), 'what', 'bounded by');
    const column = header.indexOf('counted in');
    const named = rows.flatMap((row) => [...row[column]!.matchAll(/`(\w+)`/g)].map(([, name]) => name));
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !counters.includes(name!))).toEqual([]);
  });
});

describe('docs/codecs.md', () => {
  it('quotes the defaults of every codec', () => {
    const { rows } = tableOf(read('docs/codecs.md'), 'codec', 'option', 'default');
    const quoted = rows
      .map(([codec = '', option = '', fallback = '']) => [codeIn(codec), codeIn(option), codeIn(fallback)])
      .filter(([, , fallback]) => fallback !== '' && !fallback!.includes('+')); // without a default, or it follows from others
    const defaults = Object.entries(CODEC_DEFAULTS).flatMap(([codec, options]) =>
      Object.entries(options).map(([option, value]) => [codec, option, written(value)]),
    );
    expect(quoted).toEqual(defaults);
  });
});

describe('docs/architecture.md', () => {
  it('names every file of the kernel, and none that does not exist', () => {
    const src = join(root, 'packages/core/src');
    const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => path.replaceAll('\\', '/'));
    const { rows } = tableOf(read('docs/architecture.md'), 'file', 'holds');
    expect(rows.map(([file = '']) => codeIn(file)).sort()).toEqual(files.sort());
  });
});

describe('links', () => {
  it.each(pages)('of %s lead to files and headings that exist', (page) => {
    const broken = localLinksOf(read(page)).filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? join(root, page) : resolve(root, dirname(page), path);
      if (!existsSync(target)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor);
    });
    expect(broken).toEqual([]);
  });
});

/** A `ts` block of a page, as a module of its own below the root, where the packages are found. */
interface Snippet {
  readonly name: string;
  readonly path: string;
  readonly text: string;
  readonly runs: boolean;
  /** What it prints, where the page says so: in the `text output` block behind it. */
  readonly output: string | undefined;
}

const folder = join(root, '.snippets');
const snippets = pages.flatMap((page): Snippet[] =>
  fencesOf(read(page))
    .map((fence, index, all) => ({ ...fence, next: all[index + 1] }))
    .filter(({ info }) => info === 'ts' || info === 'ts run')
    .map(({ info, text, next }, index) => ({
      name: `${page}, ts block ${index + 1}`,
      path: join(folder, `${page.slice(0, -'.md'.length).replaceAll('/', '-')}-${index + 1}.ts`),
      text: `${text}export {};\n`,
      runs: info === 'ts run',
      output: next?.info === 'text output' ? next.text : undefined,
    })),
);

function writeAll(): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const { path, text } of snippets) writeFileSync(path, text);
}

function compilerOptions(): ts.CompilerOptions {
  const path = join(root, 'tsconfig.test.json');
  const config: unknown = ts.readConfigFile(path, ts.sys.readFile).config;
  return {
    ...ts.parseJsonConfigFileContent(config, ts.sys, root).options,
    // A snippet may show a declaration that it does not use.
    noUnusedLocals: false,
    noUnusedParameters: false,
    // Nor is it to blame for the declarations of libraries, which take longer than all snippets.
    skipLibCheck: true,
  };
}

/** Every problem, with the block and the line in it. */
function problems(): string[] {
  const names = new Map(snippets.map(({ path, name }) => [resolve(path), name]));
  const program = ts.createProgram([...names.keys()], compilerOptions());
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n');
    if (file === undefined) return text;
    const { line } = file.getLineAndCharacterOfPosition(start ?? 0);
    return `${names.get(resolve(file.fileName)) ?? relative(root, file.fileName)}, line ${line + 1}: ${text}`;
  });
}

/** The snippet under legacy decorators; `.mts` makes it a module wherever it is. */
function javascriptOf(text: string): string {
  return ts.transpileModule(text, { fileName: 'snippet.mts', compilerOptions: compilerOptions() }).outputText;
}

const run = promisify(execFile);

describe('snippets', () => {
  writeAll();

  it('compile, each for itself', () => {
    expect(snippets.length).toBeGreaterThan(0);
    expect(problems()).toEqual([]);
  }, 60_000);

  it.each(snippets.filter(({ runs }) => runs))(
    '$name runs to its end',
    async ({ path, text, output }) => {
      const script = path.replace(/\.ts$/, '.mjs');
      writeFileSync(script, javascriptOf(text));
      const { stdout } = await run(process.execPath, [script], { cwd: root, timeout: 120_000 });
      expect(stdout).toBe(output ?? stdout);
    },
    180_000,
  );
});
