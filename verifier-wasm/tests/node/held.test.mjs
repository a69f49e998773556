// What is loaded where promises cannot be shared, as in workerd: requests end without
// a word, and loads end in any order. The rest of it is tested through verifiers.
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

const { Held } = await import(new URL("../../pkg/lib/held.js", import.meta.url));

let now;
beforeEach((context) => {
  now = 0;
  const clock = mock.method(performance, "now", () => now);
  context.after(() => clock.mock.restore());
});

/** Something held, and its loads, each of which ends when the test says so. */
function start(isShared) {
  const loads = [];
  const load = () => new Promise((resolve, reject) => loads.push({ end: (value) => resolve({ value, freshFor: 60_000 }), reject }));
  const accepted = [];
  const held = new Held({ load, accept: (value) => accepted.push(value), coolDown: 30_000, isShared });
  return { held, loads, accepted };
}

test("who has nothing does not wait for another", async () => {
  const { held, loads } = start(false);
  const first = held.refresh();
  const second = held.refresh();
  assert.equal(loads.length, 2);
  loads[1].end("two");
  assert.equal(await second, true);
  assert.equal(held.value, "two");
  loads[0].end("one");
  assert.equal(await first, true, "there is a value, which is what it wanted");
  assert.equal(held.value, "two", "what was asked for later is newer");
});

test("a first load that fails late takes nothing away", async () => {
  const { held, loads } = start(false);
  const [first, second] = [held.refresh(), held.refresh()];
  loads[1].reject(new Error("down"));
  assert.equal(await second, false);
  loads[0].end("one");
  assert.equal(await first, true);
  assert.equal(held.value, "one");
});

test("loads that fail at the same time make one pause", async () => {
  const { held, loads } = start(false);
  for (const pause of [1000, 2000, 4000]) {
    const all = Array.from({ length: 10 }, () => held.refresh());
    for (const load of loads.splice(0).reverse()) {
      load.reject(new Error("down"));
    }
    await Promise.all(all);
    now += pause - 1;
    assert.equal(await held.refresh(), false);
    assert.equal(loads.length, 0, `nothing within ${pause} ms`);
    now += 1;
  }
});

test("who has something waits for another's load, but not for ever", async () => {
  const { held, loads } = start(false);
  const first = held.refresh();
  loads[0].end("one");
  await first;
  now = 60_000;
  assert.ok(held.isDue);
  held.refresh();
  const waiting = held.refresh();
  assert.equal(loads.length, 2, "one load");
  // The request that loads is gone, and its load never ends.
  now += 15_000;
  assert.equal(await waiting, false);
  assert.equal(held.value, "one");
  const third = held.refresh();
  assert.equal(loads.length, 3);
  const fourth = held.refresh();
  loads[2].end("three");
  assert.deepEqual(await Promise.all([third, fourth]), [true, true]);
  assert.equal(held.value, "three");
  // After all:
  loads[1].end("two");
  await new Promise(setImmediate);
  assert.equal(held.value, "three");
});

test("who has something waits a second at most for something newer, which arrives all the same", async (context) => {
  for (const isShared of [true, false]) {
    now = 0;
    const { held, loads } = start(isShared);
    const first = held.refresh();
    loads[0].end("one");
    await first;
    now = 60_000;
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const done = [];
    const waiting = [held.renew().then(() => done.push("first"))];
    now += 400;
    waiting.push(held.renew().then(() => done.push("second")));
    context.mock.timers.tick(599);
    await new Promise(setImmediate);
    assert.deepEqual(done, []);
    now += 600;
    context.mock.timers.tick(401);
    await Promise.all(waiting);
    await held.renew();
    assert.equal(held.value, "one", "who comes later does not wait at all");
    context.mock.timers.reset();
    assert.equal(loads.length, 2, "one load, which goes on");
    loads[1].end("two");
    await new Promise(setImmediate);
    assert.equal(held.value, "two");
  }
});

test("where promises are shared, one load is for all", async () => {
  const { held, loads, accepted } = start(true);
  const all = Array.from({ length: 5 }, () => held.refresh());
  assert.equal(loads.length, 1);
  loads[0].end("one");
  assert.deepEqual(await Promise.all(all), Array(5).fill(true));
  assert.deepEqual(accepted, ["one"]);
  assert.equal(await held.refresh(), false, "the cool-down");
});

test("what is dropped may be loaded at once", async () => {
  const { held, loads } = start(true);
  const first = held.refresh();
  loads[0].end("one");
  await first;
  held.drop();
  assert.ok(held.isDue);
  const second = held.refresh();
  loads[1].end("two");
  assert.equal(await second, true);
  assert.equal(held.value, "two");
});
