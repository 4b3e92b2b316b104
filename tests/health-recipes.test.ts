// The recipes of docs/health.md, run with the frameworks that they are for: npm ci --prefix tests/frameworks installs them.
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFAULTS } from '@pea2pea/core';
import { until } from '@pea2pea/testing';
import ts from 'typescript';
import { fencesOf } from './support/markdown.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const frameworks = join(root, 'tests/frameworks');
/** Below the folder of the frameworks, so that they are found; of this process alone. */
const folder = join(frameworks, `.recipes-${process.pid}`);
const fences = fencesOf(readFileSync(join(root, 'docs/health.md'), 'utf8'));
const recipeOf = (info: string): string => fences.find((fence) => fence.info === info)!.text;

const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** As JavaScript, with ports that nobody has, and so much time to drain that only a second signal ends it within a test. */
async function programOf(info: string): Promise<{ text: string; url: string }> {
  const recipe = recipeOf(info);
  for (const part of ['9090', '4000', 'delayMs: 5_000']) expect(recipe).toContain(part);
  const [checks, peers] = [await freePort(), await freePort()];
  const text = recipe
    .replaceAll('9090', String(checks))
    .replaceAll('4000', String(peers))
    .replaceAll('delayMs: 5_000', 'delayMs: 60_000');
  const url = `http://127.0.0.1:${checks}`;
  if (!info.startsWith('ts')) return { text, url };
  const compilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2022,
    experimentalDecorators: true,
  };
  return { text: ts.transpileModule(text, { compilerOptions }).outputText, url };
}

const statusOf = (url: string): Promise<number> =>
  fetch(url, { headers: { connection: 'close' } }).then(
    ({ status }) => status,
    () => 0,
  );

function says(url: string, status: number): Promise<void> {
  let [last, isAsking] = [0, false];
  const ask = async (): Promise<void> => {
    isAsking = true;
    last = await statusOf(url);
    isAsking = false;
  };
  return until(
    `${url} says ${status}`,
    () => {
      if (!isAsking) void ask();
      return last === status;
    },
    30_000,
  );
}

const RECIPES = [
  ['Express', 'js express', 'express'],
  ['Fastify', 'js fastify', 'fastify'],
  ['NestJS Terminus', 'ts nestjs', '@nestjs/terminus'],
] as const;

describe('the recipe of health checks', () => {
  for (const [name, info, needed] of RECIPES) {
    const isInstalled = existsSync(join(frameworks, 'node_modules', needed));
    if (!isInstalled)
      console.log(`${needed} is not installed (npm ci --prefix tests/frameworks): ${name} is not run`);
    const run = isInstalled ? it : it.skip;
    run(
      `with ${name} is live and ready, then only live from the first signal on, and the second one ends it`,
      async () => {
        const { text, url } = await programOf(info);
        mkdirSync(folder, { recursive: true });
        const file = join(folder, `${needed.replace(/\W/g, '-')}.mjs`);
        writeFileSync(file, text);
        const env = { ...process.env, NODE_OPTIONS: '' };
        const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'ignore', 'inherit'] });
        running.add(child);
        const ended = once(child, 'exit');
        await says(`${url}/readyz`, 200);
        expect(await statusOf(`${url}/livez`)).toBe(200);
        child.kill('SIGTERM');
        await says(`${url}/readyz`, 503);
        expect(await statusOf(`${url}/livez`)).toBe(200);
        child.kill('SIGTERM');
        expect(await ended).toEqual([0, null]);
      },
      60_000,
    );
  }

  it('of Kubernetes asks the paths and the port that the others serve, and drains within its grace period', () => {
    const manifest = recipeOf('yaml kubernetes');
    const probes = [
      ...manifest.matchAll(/^ {6}(\w+)Probe:\n {8}httpGet: \{ path: (\S+), port: (\d+) \}$/gm),
    ].map(([, probe, path, port]) => ({ probe, path, port }));
    expect(probes).toEqual([
      { probe: 'startup', path: '/readyz', port: '9090' },
      { probe: 'liveness', path: '/livez', port: '9090' },
      { probe: 'readiness', path: '/readyz', port: '9090' },
    ]);
    for (const [, info] of RECIPES) {
      for (const { path } of probes) expect(recipeOf(info)).toContain(path!.slice(1));
      expect(recipeOf(info)).toContain('9090');
    }
    const graceMs = Number(/terminationGracePeriodSeconds: (\d+)/.exec(manifest)![1]) * 1_000;
    const [delayMs, timeoutMs] = [5_000, 20_000]; // of the recipes; the default of `drain()`
    expect(graceMs).toBeGreaterThan(delayMs + timeoutMs + DEFAULTS.closeTimeoutMs);
  });
});
