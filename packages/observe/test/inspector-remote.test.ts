import { afterEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { lines } from '@pea2pea/codecs';
import { inspector } from '@pea2pea/observe/inspector';
import { join, lab, listen, until } from '@pea2pea/testing';

const { makeNode } = lab();
const MAIN = fileURLToPath(new URL('../dist/inspector/main.js', import.meta.url));

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill();
});

/** Runs `pea2pea-inspect`, and has what it says. */
function run(...args: string[]): { said: string; complained: string; code: number | undefined } {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const running: ReturnType<typeof run> = { said: '', complained: '', code: undefined };
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (running.said += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (running.complained += text));
  child.once('exit', (code) => void (running.code = code ?? -1));
  return running;
}

describe('pea2pea-inspect', () => {
  it('shows several processes on one page, passes actions on, and tells of one that has ended', async () => {
    const [a, b] = [makeNode({ codec: lines(), name: 'a' }), makeNode({ codec: lines(), name: 'b' })];
    a.node.use(inspector({ intervalMs: 100 }));
    b.node.use(inspector({ intervalMs: 100, actions: true }));
    await listen(a);
    await join(a, b);
    const running = run(a.node.plugin(inspector).url!, b.node.plugin(inspector).url!);
    await until('it serves a page', () => running.said.includes('#token='));
    const url = running.said.trim();
    const { origin } = new URL(url);
    const headers = { authorization: `Bearer ${url.replace(/.*#token=/, '')}` };
    const get = (path: string, given: Record<string, string> = headers): Promise<Response> =>
      fetch(`${origin}${path}`, { headers: given });

    expect((await get('/api/connections?source=0', {})).status).toBe(401);
    for (const source of ['0', '1']) {
      expect(await (await get(`/api/connections?source=${source}`)).json()).toMatchObject({ total: 1 });
    }
    const act = async (source: string, id: number): Promise<unknown> => {
      const body = JSON.stringify({ source, action: 'disconnect', connection: id });
      const json = { ...headers, 'content-type': 'application/json' };
      return (await fetch(`${origin}/api/act`, { method: 'POST', headers: json, body })).json();
    };
    expect(await act('0', a.opened[0]!.id)).toMatchObject({ done: false });
    expect(await act('1', b.opened[0]!.id)).toMatchObject({ done: true });

    const abort = new AbortController();
    const { body } = await fetch(`${origin}/api/events`, { headers, signal: abort.signal });
    let told = '';
    const reading = (async () => {
      for await (const chunk of body as unknown as AsyncIterable<Uint8Array>)
        told += Buffer.from(chunk).toString();
    })().catch(() => {});
    await until('both were told of', () => told.includes('"name":"a"') && told.includes('"name":"b"'));
    await b.node.close();
    await until('one is lost', () => told.includes('"lost":'));
    abort.abort();
    await reading;
  });

  it('refuses what is not the address of an inspector, and says how it is used', async () => {
    const wrong = run('http://127.0.0.1:1/');
    await until('it has ended', () => wrong.code !== undefined);
    expect(wrong).toMatchObject({ code: 1, complained: expect.stringContaining('#token=') });
    const none = run();
    await until('it has ended', () => none.code !== undefined);
    expect(none).toMatchObject({ code: 2, said: expect.stringContaining('npx pea2pea-inspect') });
  });
});
