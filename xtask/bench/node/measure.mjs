// CPU time, in turns: what slows the machine down for a while slows down everybody in it.
import { cpuUsage } from "node:process";

/** `--quick` shows that the benchmark works; its figures mean little. */
export const isQuick = process.argv.includes("--quick");

/** How many turns each has. Odd, so that the median is one of them. */
export const TURNS = isQuick ? 3 : 21;

/** How long a turn is at least, in ms. */
const TURN = 25;

/** How long a function is called before it is measured, until the engine has compiled it. */
const WARM_UP = isQuick ? 50 : 500;

/**
 * The CPU time of one call of each, in µs, for each turn. All threads of the process count:
 * WebCrypto hops to others, whose work a clock on the wall does not see on an idle machine.
 *
 * @param {Record<string, (input: unknown) => unknown>} calls asynchronous ones are awaited
 * @param {unknown[]} inputs given to each call one after the other
 * @returns {Promise<Record<string, number[]>>}
 */
export async function takeTurns(calls, inputs) {
  const times = {};
  for (const [name, call] of Object.entries(calls)) {
    times[name] = [];
    await callFor(WARM_UP, call, inputs);
  }
  for (let index = 0; index < TURNS; index += 1) {
    for (const [name, call] of Object.entries(calls)) {
      const before = cpuUsage();
      const count = await callFor(TURN, call, inputs);
      const { user, system } = cpuUsage(before);
      times[name].push((user + system) / count);
    }
  }
  return times;
}

/** How many calls there were; at least one for each input. */
async function callFor(milliseconds, call, inputs) {
  const began = performance.now();
  let count = 0;
  do {
    for (const input of inputs) {
      const outcome = call(input);
      if (outcome instanceof Promise) {
        await outcome;
      }
    }
    count += inputs.length;
  } while (performance.now() - began < milliseconds);
  return count;
}
