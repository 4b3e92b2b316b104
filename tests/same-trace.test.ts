import { expect, it } from '@jest/globals';
// @ts-expect-error a script, which has no types
import { programOf as programOfScript, SUPPORTED } from '../scripts/node-versions.mjs';
// @ts-expect-error a script, which has no types
import { traceUnder as traceUnderScript } from '../scripts/same-trace.mjs';

const programOf = programOfScript as (version: string) => string | undefined;
const traceUnder = traceUnderScript as (program: string) => string;

for (const version of SUPPORTED as readonly string[]) {
  const program = programOf(version);
  const what = `a simulated network has the same trace under Node ${version}`;
  if (program === undefined) it.skip(`${what}, which npm run test:node -- ${version} fetches`, () => {});
  else it(what, () => expect(traceUnder(program)).toBe(traceUnder(process.execPath)));
}
