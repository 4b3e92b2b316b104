/** Prints what an attack was and what it did, in one line, for whoever watches the figures of a run. */
export function tell(attack: string, figures: Readonly<Record<string, number | string>>): void {
  const shown = Object.entries(figures).map(([name, value]) => `${name} ${shownAs(value)}`);
  process.stdout.write(`${attack}: ${shown.join(', ')}\n`);
}

function shownAs(value: number | string): string {
  if (typeof value === 'string' || Number.isInteger(value)) return String(value);
  return value.toFixed(value < 10 ? 2 : 0);
}

export function mebi(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
