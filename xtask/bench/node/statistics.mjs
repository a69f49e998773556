// What is made of the turns.

/**
 * The value below which a share of all values lies.
 *
 * @param {number[]} values
 * @param {number} share from 0 to 1
 */
export function quantile(values, share) {
  const sorted = values.toSorted((one, other) => one - other);
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

export const median = (values) => quantile(values, 0.5);

/** The median, and between what the middle half of the values lies. */
export function spread(values) {
  return { median: median(values), low: quantile(values, 0.25), high: quantile(values, 0.75) };
}

/**
 * Ours as a multiple of theirs, turn by turn: the two of one turn had the same machine.
 *
 * @param {number[]} ours
 * @param {number[]} theirs
 */
export function ratio(ours, theirs) {
  return spread(ours.map((time, turn) => time / theirs[turn]));
}

/**
 * Whether an aim is met. Where the middle half of the turns lies on both sides of it, this
 * run cannot tell.
 *
 * @param {{ median: number, low: number, high: number }} measured
 * @param {number} aim at most this
 */
export function verdict({ median, low, high }, aim) {
  if (high <= aim) {
    return "met";
  }
  if (low > aim) {
    return `missed, ${(median / aim).toFixed(2)} times the aim`;
  }
  return "too noisy to tell";
}
