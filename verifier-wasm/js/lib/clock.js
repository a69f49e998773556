/** A moment, to measure from. */
export function mark() {
  return { steady: performance.now(), date: Date.now() };
}

/**
 * Milliseconds since then, by the clock that says more: the steady one stands
 * still while a machine sleeps, the other one may be set back.
 */
export function since(moment) {
  return Math.max(performance.now() - moment.steady, Date.now() - moment.date);
}
