import type { ChaosReport } from './run.js';

/** A report as a table for people. */
export function summarize(report: ChaosReport): string {
  const { title, seed, tally, figures, violations, violationCount, heap } = report;
  const lines: string[] = [];
  lines.push(`chaos: ${title}, seed ${seed}`, '');
  for (const { action, total, outcomes } of tally.rows()) {
    const detail = outcomes.map(([outcome, count]) => `${outcome} ${count}`).join(', ');
    lines.push(`${action.padEnd(20)} ${String(total).padStart(8)}  ${detail}`);
  }
  lines.push('', 'over all nodes');
  for (const [name, value] of figures.sums) lines.push(`  ${name.padEnd(20)} ${String(value).padStart(12)}`);
  lines.push('', 'peaks');
  for (const [name, value] of figures.peaks) lines.push(`  ${name.padEnd(20)} ${String(value).padStart(12)}`);
  const [warm, end] = heap;
  const measured =
    warm === undefined || end === undefined ? 'not measured' : `${mebi(warm)} -> ${mebi(end)} MiB`;
  lines.push(`  ${'heap, collected'.padEnd(20)} ${measured.padStart(12)}`, '');
  for (const { rule, what, before } of violations.slice(0, 1)) {
    lines.push(`before the first violation (${rule}: ${what}):`, ...before, '');
  }
  for (const { rule, what } of violations) lines.push(`VIOLATION ${rule}: ${what}`);
  lines.push(`${violationCount} violations; seed ${seed}`);
  return lines.join('\n');
}

function mebi(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
