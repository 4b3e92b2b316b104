// What is said of several measurements of one thing.

/** The middle one. */
export function median(values) {
  return quantile(values, 0.5);
}

/** The middle half, as a part of the median. */
export function spread(values) {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / median(values);
}

/** Round by round, so that what slows both down in a round does not show. */
export function ratios(values, against) {
  return values.map((value, round) => value / against[round]);
}

/** What so large a part of them is not above. */
export function quantile(values, part) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round(part * (sorted.length - 1))];
}
