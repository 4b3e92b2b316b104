/** What names are called that are too many to be told apart. The semantic conventions of OpenTelemetry have it. */
export const OTHER = '_OTHER';

/** A function that lets the first `limit` names pass, and calls all others {@link OTHER}. */
export function fewNames(limit: number): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= limit) return OTHER;
    known.add(name);
    return name;
  };
}
