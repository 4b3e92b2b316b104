import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { selfSigned } from '@pea2pea/testing/certificates';

const HERE = fileURLToPath(new URL('interop/runtimes', import.meta.url));
const INSTALL = 'npm ci --prefix tests/interop/runtimes';

const folder = mkdtempSync(join(tmpdir(), 'runtimes-'));
afterAll(() => rmSync(folder, { recursive: true }));

const EVERYWHERE = [
  'memory',
  'tcp',
  'json',
  'noise AESGCM SHA256',
  'noise AESGCM SHA512',
  'key file',
] as const;
const NOT_UNDER_BUN = [
  'noise AESGCM BLAKE2b',
  'noise ChaChaPoly SHA256',
  'noise ChaChaPoly BLAKE2s',
  'tls 1.3',
  'tls 1.2',
  'tls refuses another name',
  'tls refuses an unknown authority',
  'tls refuses a peer without a certificate',
  'tls over noise',
] as const;

interface Runtime {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** What comes of what Bun does not have. */
  readonly others: 'ok' | 'P2P_ERR_UNSUPPORTED';
}

const RUNTIMES: readonly Runtime[] = [
  { name: 'Node.js', program: process.execPath, args: [], others: 'ok' },
  { name: 'Deno', program: join(HERE, 'node_modules/.bin/deno'), args: ['run', '-A'], others: 'ok' },
  { name: 'Bun', program: join(HERE, 'node_modules/.bin/bun'), args: [], others: 'P2P_ERR_UNSUPPORTED' },
];

describe.each(RUNTIMES)('under $name', ({ name, program, args, others }) => {
  const isThere = existsSync(program);
  if (!isThere)
    process.stderr.write(
      `tests/runtimes.test.ts: ${name} is skipped, it is not installed here: ${INSTALL}\n`,
    );

  (isThere ? it : it.skip)(
    'a pair of nodes works, and what cannot work fails at once with P2P_ERR_UNSUPPORTED',
    async () => {
      const { key, cert } = await selfSigned();
      const own = mkdtempSync(join(folder, 'run-'));
      writeFileSync(join(own, 'key.pem'), key);
      writeFileSync(join(own, 'cert.pem'), cert);
      const pair = [join(HERE, 'pair.mjs'), join(own, 'key.pem'), join(own, 'cert.pem'), own];
      const { stdout, stderr } = spawnSync(program, [...args, ...pair], {
        encoding: 'utf8',
        timeout: 120_000,
        env: { ...process.env, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' },
      });
      const results = stdout
        .split('\n')
        .filter((line) => line !== '')
        .map(
          (line) =>
            JSON.parse(line) as { readonly name: string; readonly outcome?: string; readonly ms: number },
        );
      expect({ stderr, ended: results.pop()?.name }).toEqual({ stderr: '', ended: 'the end' });
      expect(Object.fromEntries(results.map((one) => [one.name, one.outcome]))).toEqual({
        ...Object.fromEntries(EVERYWHERE.map((one) => [one, 'ok'])),
        ...Object.fromEntries(NOT_UNDER_BUN.map((one) => [one, others])),
      });
      for (const { outcome, ms } of results)
        if (outcome === 'P2P_ERR_UNSUPPORTED') expect(ms).toBeLessThan(2_000);
    },
    150_000,
  );
});
