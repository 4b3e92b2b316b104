#!/usr/bin/env node
// npx pea2pea-attack <host:port>: see command-line.ts
import { attack } from './attack.js';
import { readArguments, USAGE, type Asked } from './command-line.js';
import { beforeLines, outcomeLines, totalLines } from './report-lines.js';

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  let asked: Asked;
  try {
    asked = readArguments(argv);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  if (asked.kind === 'list') {
    for (const line of asked.lines) console.log(line);
    return 0;
  }
  const { at, isJson, options } = asked;
  const print = (lines: readonly string[]): void => {
    if (!isJson) for (const line of lines) console.log(line);
  };
  try {
    const report = await attack(at, {
      ...options,
      onBefore: (before) => print(beforeLines(before)),
      onOutcome: (outcome) => print(outcomeLines(outcome)),
    });
    print(totalLines(report));
    if (isJson) console.log(JSON.stringify(report, undefined, 2));
    if (report.before.served === 0) return 3;
    return report.outcomes.every(({ verdict }) => verdict === 'held') ? 0 : 1;
  } catch (error) {
    console.error((error as Error).message);
    return 3;
  }
}
