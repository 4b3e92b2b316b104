#!/usr/bin/env node
// npx pea2pea-attack <host:port> [--say 'text'] [--only drips,floods] [--seed 1] [--mine]
import { SocketAddress } from '@pea2pea/core';
import { parseArgs } from 'node:util';
import { ALTERATIONS, WIRE_ALTERATIONS } from './alter.js';
import { attack, type AttackReport, type WireAlteration } from './attack.js';

const USAGE = `usage: pea2pea-attack <host:port> [--say 'hello\\n'] [--only drips,floods] [--seed 1] [--mine]
  --say   what an honest peer says first, with escapes as in JSON
  --mine  the server is yours: needed where it is not on this machine
peers:
${WIRE_ALTERATIONS.map((name) => `  ${name.padEnd(18)} ${ALTERATIONS[name]}`).join('\n')}`;

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        say: { type: 'string', default: 'hello\\n' },
        only: { type: 'string' },
        seed: { type: 'string', default: '1' },
        mine: { type: 'boolean', default: false },
      },
    });
    const [target, ...rest] = positionals;
    if (target === undefined || rest.length > 0) throw new RangeError('name one server');
    const address = SocketAddress.from(target);
    if (!address.isLoopback && address.host !== 'localhost' && !values.mine) {
      throw new RangeError(`${address} is not on this machine: say --mine if it is yours`);
    }
    const only = values.only?.split(',').map(nameOf);
    const say = JSON.parse(`"${values.say.replaceAll('"', '\\"')}"`) as string;
    const report = await attack(address, { say, seed: Number(values.seed), ...(only && { only }) });
    for (const line of linesOf(report)) console.log(line);
    return report.outcomes.every(({ during, after }) => during.isServed && after.isServed) ? 0 : 1;
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
}

function nameOf(text: string): WireAlteration {
  const name = WIRE_ALTERATIONS.find((each) => each === text);
  if (name === undefined) throw new RangeError(`there is no peer ${JSON.stringify(text)}`);
  return name;
}

function* linesOf({ before, outcomes }: AttackReport): Iterable<string> {
  yield `an honest peer saw ${before.saw} after ${Math.round(before.ms)} ms`;
  for (const { name, sentence, ending, received, during, after } of outcomes) {
    const honest = (peer: typeof during): string =>
      `${peer.isServed ? 'served' : `NOT served (${peer.saw})`} in ${Math.round(peer.ms)} ms`;
    yield `${name}: ${sentence}`;
    yield `  its connection: ${ending}, ${received} bytes came; honest peers: during ${honest(during)}, after ${honest(after)}`;
  }
}
