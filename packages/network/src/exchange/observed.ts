/** As many groups are remembered, each with the last host that it named. */
const MAX_GROUPS = 64;

/** Where others see this node: each group of peers has one voice, so that one party alone decides nothing. */
export class Observed {
  readonly #hostByGroup = new Map<string, string>();

  /** A peer of a group has named a host. */
  add(host: string, group: string): void {
    this.#hostByGroup.delete(group);
    this.#hostByGroup.set(group, host);
    if (this.#hostByGroup.size > MAX_GROUPS) {
      const [oldest] = this.#hostByGroup.keys();
      this.#hostByGroup.delete(oldest!);
    }
  }

  /** The host that most groups have named, if at least two have. */
  get host(): string | undefined {
    const votes = new Map<string, number>();
    for (const host of this.#hostByGroup.values()) votes.set(host, (votes.get(host) ?? 0) + 1);
    let best: [string, number] | undefined;
    for (const vote of votes) if (best === undefined || vote[1] > best[1]) best = vote;
    return best !== undefined && best[1] >= 2 ? best[0] : undefined;
  }
}
