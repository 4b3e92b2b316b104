import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
let project = '';

/** A project that has installed our packages, as `npm run build` made them, and nothing else. */
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'pea2pea-optional-'));
  for (const name of ['core', 'codecs']) {
    const [from, to] = [join(root, 'packages', name), join(project, 'node_modules/@pea2pea', name)];
    if (!existsSync(join(from, 'dist/index.js'))) throw new Error('run `npm run build` first');
    cpSync(join(from, 'package.json'), join(to, 'package.json'));
    cpSync(join(from, 'dist'), join(to, 'dist'), { recursive: true });
  }
});
afterAll(() => rmSync(project, { recursive: true }));

/** What a module of the project prints. */
async function printed(text: string, extension = 'mjs'): Promise<string> {
  const script = join(project, `script.${extension}`);
  writeFileSync(script, text);
  const flags = ['--disable-warning=ExperimentalWarning'];
  return (await run(process.execPath, [...flags, script], { cwd: project, timeout: 15_000 })).stdout.trim();
}

const CODECS = [
  ['msgpack', 'msgpack()', 'msgpackr@2'],
  ['cbor', 'cbor()', 'cbor-x@1'],
  ['protobuf', "protobuf({ kind: 'message' })", '@bufbuild/protobuf@2'],
] as const;

it.each(CODECS)('%s without its library says what to install', async (name, call, install) => {
  const report = `
    import { PeerError } from '@pea2pea/core';
    import { ${name} } from '@pea2pea/codecs/${name}';
    try { ${call}; } catch (error) { console.log(PeerError.is(error), error.code, error.cause.code, error.message); }`;
  expect(await printed(report)).toMatch(
    new RegExp(
      `^true P2P_ERR_UNSUPPORTED MODULE_NOT_FOUND ${name}\\(\\) cannot load .*; run \`npm install ${install}\``,
    ),
  );
});

it.each(CODECS)('%s can be required too', async (name, call, _install) => {
  const report = `
    const { ${name} } = require('@pea2pea/codecs/${name}');
    try { ${call}; } catch (error) { console.log(error.code); }`;
  expect(await printed(report, 'cjs')).toBe('P2P_ERR_UNSUPPORTED');
});

it('the package itself needs none of them', async () => {
  expect(await printed(`import { json } from '@pea2pea/codecs'; console.log(typeof json());`)).toBe('object');
});

it.each([
  ['CommonJS', 'cjs', 'exports.Packr = class { pack = () => Buffer.from([5]); };'],
  ['an ES module', 'mjs', 'export class Packr { pack = () => Buffer.from([5]); }'],
])('a library that is %s is found, in the place where the project has it', async (_kind, extension, text) => {
  const folder = join(project, 'node_modules/msgpackr');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const manifest = { name: 'msgpackr', exports: { './index-no-eval': `./main.${extension}` } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, `main.${extension}`), text);
  const report = `
    import { msgpack } from '@pea2pea/codecs/msgpack';
    msgpack().encoder({}).encode(1, { writeUInt: (n) => console.log(n), write: (b) => console.log(b[0]) });`;
  expect(await printed(report)).toBe('1\n5');
});
