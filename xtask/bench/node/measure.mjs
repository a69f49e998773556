// CPU time, in turns.

/** How long a turn is at least, in ms. */
const TURN = 25;

/** How long a function is called before it is measured, until the engine has compiled it. */
const WARM_UP = 500;

export function warmUp(call, inputs) {
  return callFor(WARM_UP, call, inputs);
}

/** The CPU time of one call, in µs, averaged over a turn; all threads of the process count. */
export async function turn(call, inputs) {
  const before = process.cpuUsage();
  const calls = await callFor(TURN, call, inputs);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

/** How many calls there were; at least one for each input. */
async function callFor(milliseconds, call, inputs) {
  const isAsync = call(inputs[0]) instanceof Promise;
  const began = performance.now();
  let calls = 0;
  do {
    for (const input of inputs) {
      if (isAsync) {
        await call(input);
      } else {
        call(input);
      }
    }
    calls += inputs.length;
  } while (performance.now() - began < milliseconds);
  return calls;
}

export function median(times) {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[(sorted.length - 1) / 2];
}

export function microseconds(time) {
  return time < 10 ? time.toFixed(1) : time.toFixed(0);
}

/** Columns as wide as their widest cell. */
export function table(head, rows) {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join("  ");
  return all.map(line).join("\n");
}
