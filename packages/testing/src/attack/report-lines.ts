import type { AttackOutcome, AttackReport, HonestClient, HonestService, ServersPart } from './outcome.js';
import type { ProcessFigures } from './process-figures.js';

/** What is known before the first of them, for people. */
export function beforeLines({ before, process }: Pick<AttackReport, 'before' | 'process'>): string[] {
  const saw =
    before.saw === 'silence' ? 'is not replied to, which is taken for how it should be' : before.saw;
  const served = before.saw === 'a reply' ? `is served: ${times(before)}` : `sees ${saw}`;
  return [
    `before: an honest client ${served}`,
    ...(process ? [`  process: ${sizes([process])}, ${process.descriptors} descriptors`] : []),
  ];
}

/** What became of one of them, for people. */
export function outcomeLines(outcome: AttackOutcome): string[] {
  const { name, sentence, server, resident, newcomer, after, recoveryMs, process, verdict, remedy } = outcome;
  const service = `${resident.served} of ${resident.asked} questions served, ${times(resident)}`;
  const recovery = recoveryMs > 1_000 ? `, ${duration(recoveryMs)} after the peer had left` : '';
  const lines = [
    `${name}: it ${sentence}`,
    `  server:  ${serverLine(server)}`,
    `  honest:  ${service}; a newcomer ${clientLine(newcomer)}; afterwards ${clientLine(after)}${recovery}`,
  ];
  if (process !== undefined) {
    const steps = [process.before, process.peak, process.after];
    const descriptors = steps.map((step) => step.descriptors).join(' → ');
    lines.push(
      `  process: ${sizes(steps)}, ${descriptors} descriptors, computing ${process.cpuPercent} % of a core`,
    );
  }
  lines.push(`  ${verdict === 'held' ? 'held' : `IT ${verdict.toUpperCase()}: ${remedy}`}`);
  return lines;
}

/** What became of all, for people. */
export function totalLines({ outcomes, total }: AttackReport): string[] {
  const counts = Object.entries(total).map(([verdict, count]) => `${count} ${verdict}`);
  const lines = [`total: of ${outcomes.length}, ${counts.join(', ') || 'none was tried'}`];
  for (const { name, verdict } of outcomes) if (verdict !== 'held') lines.push(`  ${name}: ${verdict}`);
  const open = outcomes.filter(({ server }) => server.ending === 'open').map(({ name }) => name);
  if (open.length > 0)
    lines.push(
      `still connected when they left: ${open.join(', ')}`,
      '  how long would they have stayed? --seconds lets them stay longer',
    );
  return lines;
}

function serverLine({ ending, afterMs, ...part }: ServersPart): string {
  const when = `after ${duration(afterMs)}`;
  const how = {
    refused: 'let it not in',
    closed: `ended the connection (FIN) ${when}`,
    reset: `reset the connection (RST) ${when}`,
    left: `had the connection until the peer left ${when}`,
    open: `kept the connection open, for ${duration(afterMs)}`,
  }[ending];
  const unread = part.unreadBytes === undefined ? '' : ` (${bytes(part.unreadBytes)} of them not read)`;
  const others =
    part.others.opened === 0 ? '' : `; of ${part.others.opened} others, ${part.others.open} were open`;
  const taken = `took ${bytes(part.takenBytes)} of ${bytes(part.sentBytes)}${unread}`;
  return `${how}; ${taken}, sent ${bytes(part.receivedBytes)}${others}`;
}

function clientLine({ isServed, ms, saw }: HonestClient): string {
  return isServed ? `in ${duration(ms)}` : `NOT served: it saw ${saw} after ${duration(ms)}`;
}

function times({ medianMs, worstMs }: HonestService): string {
  return `half of them within ${duration(medianMs)}, the last in ${duration(worstMs)}`;
}

function duration(ms: number): string {
  return ms < 10
    ? `${ms.toFixed(1)} ms`
    : ms < 10_000
      ? `${Math.round(ms)} ms`
      : `${(ms / 1_000).toFixed(1)} s`;
}

function bytes(count: number): string {
  return count < 10_000
    ? `${count} B`
    : count < 1e6
      ? `${Math.round(count / 1e3)} kB`
      : `${(count / 1e6).toFixed(1)} MB`;
}

function sizes(steps: readonly ProcessFigures[]): string {
  return `${steps.map(({ residentBytes }) => (residentBytes / 1024 ** 2).toFixed(0)).join(' → ')} MiB`;
}
