/** How often each action ended how. */
export class Tally {
  readonly #actions = new Map<string, Map<string, number>>();

  add(action: string, outcome: string, count = 1): void {
    let outcomes = this.#actions.get(action);
    if (outcomes === undefined) this.#actions.set(action, (outcomes = new Map<string, number>()));
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
  }

  /** Actions by name, each with its outcomes, the most frequent first. */
  rows(): readonly { action: string; total: number; outcomes: readonly (readonly [string, number])[] }[] {
    return [...this.#actions]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([action, outcomes]) => ({
        action,
        total: [...outcomes.values()].reduce((sum, count) => sum + count, 0),
        outcomes: [...outcomes].sort(([, a], [, b]) => b - a),
      }));
  }

  count(action: string, outcome: string): number {
    return this.#actions.get(action)?.get(outcome) ?? 0;
  }
}

/** Figures of a run: sums of what closed nodes report, and the highest values seen. */
export class Figures {
  readonly sums = new Map<string, number>();
  readonly peaks = new Map<string, number>();

  add(name: string, value: number): void {
    this.sums.set(name, (this.sums.get(name) ?? 0) + value);
  }

  peak(name: string, value: number): void {
    if (value > (this.peaks.get(name) ?? 0)) this.peaks.set(name, value);
  }
}
