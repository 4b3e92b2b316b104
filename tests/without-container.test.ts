import { expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs a module as if neither a container nor the decorators were installed. `npm test` has built what it imports. */
function runWithoutContainer(...args: string[]): { output: string; errors: string; exitCode: number | null } {
  const resolve = `export function resolve(specifier, context, next) {
    if (/inversify|reflect-metadata|@pea2pea.decorators/.test(specifier)) throw new Error('not installed: ' + specifier);
    return next(specifier, context);
  }`;
  const moduleOf = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
  const register = moduleOf(
    `import { register } from 'node:module'; register(${JSON.stringify(moduleOf(resolve))});`,
  );
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', register, ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: 120_000,
  });
  return { output: stdout, errors: stderr.replace(/^pea2pea warn: .*\n/gm, ''), exitCode: status };
}

it('the example of plugins on bare nodes runs where no container is installed', () => {
  const { output, errors, exitCode } = runWithoutContainer('examples/dist/without-container.js');
  expect({ errors, exitCode }).toEqual({ errors: '', exitCode: 0 });
  expect(output.trimEnd().split('\n')).toEqual([
    'peer: one of equal standing',
    'pear: 404 no such word',
    '10.0.0.66 is banned: 2 strikes, the last: reading: invalid-frame, P2P_ERR_INVALID_FRAME',
    'refused since then: 1',
    'node: a point at which lines meet',
  ]);
});

it.each(['noise', 'observe', 'policies', 'rpc', 'tls', 'codecs', 'streams'])(
  '@pea2pea/%s needs none',
  (name) => {
    const script = `await import('@pea2pea/${name}')`;
    expect(runWithoutContainer('--input-type=module', '--eval', script)).toEqual({
      output: '',
      errors: '',
      exitCode: 0,
    });
  },
);

it('what is taken for not installed is noticed', () => {
  const script = `await import('@pea2pea/rpc/decorators')`;
  const { errors } = runWithoutContainer('--input-type=module', '--eval', script);
  expect(errors).toContain('not installed: @pea2pea/decorators');
});
