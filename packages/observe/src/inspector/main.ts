#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { describe } from '@pea2pea/core/authoring';
import { resolveServing } from './options.js';
import { RemoteSource } from './remote-source.js';
import { InspectorServer } from './server.js';

const USAGE = `Shows several processes on one page, each of which has an inspector() of its own.

  npx pea2pea-inspect <address>... [--port 0]

  <address>   what node.plugin(inspector).url says: http://127.0.0.1:9229/#token=...
              In a shell it needs quotes. Addresses may also come on the standard input, one a line: use -
  --port      the port of the page on the loopback; 0 picks one
`;

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { port: { type: 'string', default: '0' }, help: { type: 'boolean', default: false } },
  });
  const addresses = positionals.includes('-') ? await linesOfInput() : positionals;
  if (values.help || addresses.length === 0) {
    console.log(USAGE);
    process.exitCode = values.help ? 0 : 2;
  } else {
    await serve(addresses, Number(values.port));
  }
} catch (error) {
  console.error(`pea2pea-inspect: ${error instanceof Error ? error.message : describe(error)}`);
  process.exitCode = 1;
}

async function serve(addresses: readonly string[], port: number): Promise<void> {
  const sources = addresses.map((address, index) => new RemoteSource(String(index), address));
  const server = new InspectorServer(sources, resolveServing({ port }), { keepsAlive: true });
  await server.start();
  console.log(server.url);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.stop());
}

async function linesOfInput(): Promise<string[]> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
