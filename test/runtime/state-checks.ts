/** What must hold of state on every device, in Node and in browsers. */
import assert from "node:assert/strict";
import { gradients, input } from "../../src/graph/index.ts";
import { normals } from "../../src/random/index.ts";
import {
  type CompileOptions,
  compile,
  compileInPlace,
  compileStateful,
  createState,
  type Device,
} from "../../src/runtime/index.ts";
import { watchTraffic } from "../traffic.ts";

const [rows, width] = [4, 1000];
const optionsOf = (device: Device): CompileOptions => ({ device, threads: 1 });

/** Gradient descent with momentum on a small regression. */
function descent() {
  const [x, y, rate] = [input("x", [rows, width]), input("y", [rows, 1]), input("rate", [])];
  const before = { weights: input("weights", [width]), speed: input("speed", [width]) };
  const error = x.mul(before.weights).sum([1]).sub(y);
  const loss = error.sumSquares().mul(1 / rows);
  const [gradient] = gradients(loss, [before.weights]);
  /** The state after a step along a gradient. */
  const after = (along: typeof gradient) => {
    const speed = before.speed.mul(0.9).sub(along.mul(rate));
    return { weights: before.weights.add(speed), speed };
  };
  return { before, loss, gradient, after };
}

/** The step as one program. */
function compileDescent(device: Device) {
  const { before, loss, gradient, after } = descent();
  const { weights, speed } = after(gradient);
  const carried = {
    weights: { before: before.weights, after: weights },
    speed: { before: before.speed, after: speed },
  };
  return compileStateful(carried, { loss }, optionsOf(device));
}

const examplesAt = (step: number) => ({
  x: Float32Array.from(normals(step, "x", 0, rows * width)),
  y: Float32Array.from(normals(step, "y", 0, rows)),
});
const feedsAt = (step: number) => ({ ...examplesAt(step), rate: [2e-4] });
const start = Float32Array.from(normals(0, "start", 0, width));

/** ‖a − b‖/‖b‖ is at most this. */
function assertNear(a: Float32Array, b: Float32Array, tolerance: number): void {
  const error = Math.hypot(...a.map((v, i) => v - b[i])) / Math.hypot(...b);
  assert.ok(error <= tolerance, `off by ${error}`);
}

export const checks = {
  "twenty steps are twenty steps with the state handed over": async (device) => {
    const kept = await compileDescent(device);
    const { before, loss, gradient, after } = descent();
    const next = after(gradient);
    const handed = await compile({ loss, nextWeights: next.weights, nextSpeed: next.speed }, optionsOf(device));
    assert.deepEqual(handed.inputs.map(({ name }) => name).sort(), [...Object.keys(before), "rate", "x", "y"].sort());
    let state: { weights: Float32Array; speed: Float32Array } = { weights: start, speed: new Float32Array(width) };
    kept.state.load({ weights: start });
    const losses: number[] = [];
    for (let step = 0; step < 20; step++) {
      const found = await kept.step(feedsAt(step));
      const { loss, nextWeights, nextSpeed } = await handed.run({ ...feedsAt(step), ...state });
      assertNear(found.loss, loss, 1e-6);
      assert.deepEqual(Object.keys(found), ["loss"]);
      state = { weights: nextWeights, speed: nextSpeed };
      losses.push(loss[0]);
    }
    assert.ok(losses[19] < losses[0], `${losses}`);
    const { weights, speed } = await kept.state.read("weights", "speed");
    assertNear(weights, state.weights, 1e-6);
    assertNear(speed, state.speed, 1e-6);
    await kept.close();
    await handed.close();
  },

  "undo brings the state before the last step back, once": async (device) => {
    const program = await compileDescent(device);
    const read = async () => structuredClone(await program.state.read("weights", "speed"));
    assert.throws(() => program.undo(), /internal: .* not kept/);
    for (const step of [0, 1]) {
      const before = await read();
      const first = await program.step(feedsAt(step));
      const after = await read();
      assert.notDeepEqual(after, before);
      program.undo();
      assert.deepEqual(await read(), before);
      assert.throws(() => program.undo(), /internal: .* not kept/);
      assert.deepEqual(await program.step(feedsAt(step)), first);
      assert.deepEqual(await read(), after);
    }
    program.state.load({ weights: start });
    assert.throws(() => program.undo(), /internal: .* not kept/);
    await program.close();
  },

  "vectors changed in place are as a program makes them": async (device) => {
    const options = optionsOf(device);
    // Its vectors are read in every order that may go wrong in place.
    const change = (length: number) => {
      const of = (name: string) => input(name, [length]);
      const [a, b, push] = [of("a"), of("b"), of("push").mul(input("rate", []))];
      const next = a.mul(0.5).add(push).sub(a.mul(push));
      return { a: { before: a, after: next }, b: { before: b, after: b.mul(next).add(push).tanh() } };
    };
    for (const piece of [width, 256, 333, 4096]) {
      const [inPlace, whole] = [0, 1].map(() => createState({ a: [width], b: [width], push: [width] }, options));
      const changing = await compileInPlace(change, width, { ...options, state: inPlace, piece });
      const program = await compileStateful(change(width), {}, { ...options, state: whole });
      for (const { load } of [inPlace, whole]) load({ a: start, b: start.map(Math.abs), push: start.map(Math.sin) });
      for (const rate of [[0.1], [0.2]]) {
        await changing.run({ rate });
        await program.step({ rate });
      }
      assert.deepEqual(await inPlace.read("a", "b", "push"), await whole.read("a", "b", "push"));
      await assert.rejects(changing.run({}), /no value given for input "rate"/);
      for (const each of [inPlace, whole, changing, program]) await each.close();
    }
  },

  "wrong feeds and wrong values change nothing": async (device) => {
    const program = await compileDescent(device);
    const { state } = program;
    state.load({ weights: start });
    await assert.rejects(program.step({ ...feedsAt(0), y: [1] }), /input "y" has 1 elements/);
    await assert.rejects(program.step({ ...feedsAt(0), weights: start }), /no input is named "weights"/);
    assert.throws(() => state.load({ speed: start, weights: [1] }), /state "weights" has 1 elements \(1000 expected\)/);
    assert.throws(() => state.load({ mass: [1] }), /load: no state is named "mass" \(names are weights, speed\)/);
    await assert.rejects(state.read("mass"), /read: no state is named "mass"/);
    assert.deepEqual(await state.read("weights", "speed"), { weights: start, speed: new Float32Array(width) });
    const { before, loss } = descent();
    const carried = { weights: { before: before.weights, after: before.weights.mul(2) } };
    const other = createState({ weights: [width, 1] }, optionsOf(device));
    await assert.rejects(
      compileStateful(carried, { loss }, { ...optionsOf(device), state: other }),
      /state "weights": the given state has no such array of \[1000\]/,
    );
    await other.close();
    await program.close();
  },

  "programs share a state: one adds up gradients, one goes along them": async (device) => {
    const { before, loss, gradient, after } = descent();
    const sum = input("sum", [width]);
    const state = createState({ weights: [width], speed: [width], sum: [width] }, optionsOf(device));
    const options = { ...optionsOf(device), state };
    const adding = await compileStateful({ sum: { before: sum, after: sum.add(gradient) } }, { loss }, options);
    const { weights, speed } = after(sum.mul(0.5));
    const going = await compileStateful(
      { weights: { before: before.weights, after: weights }, speed: { before: before.speed, after: speed } },
      { norm: sum.sumSquares() },
      options,
    );
    assert.deepEqual(
      adding.inputs.map(({ name }) => name),
      ["x", "y"],
    );
    const whole = await compileDescent(device);
    for (const { load } of [state, whole.state]) load({ weights: start });
    for (let step = 0; step < 5; step++) {
      state.clear("sum");
      for (let i = 0; i < 2; i++) await adding.step(examplesAt(step));
      await going.step({ rate: [2e-4] });
      await whole.step(feedsAt(step));
    }
    const expected = await whole.state.read("weights", "speed");
    const found = await state.read("weights", "speed");
    assertNear(found.weights, expected.weights, 1e-6);
    assertNear(found.speed, expected.speed, 1e-5);
    const last = structuredClone(found);
    await going.step({ rate: [2e-4] });
    going.undo();
    assert.deepEqual(await state.read("weights", "speed"), last);
    await state.close();
    for (const program of [adding, going, whole]) await program.close();
  },

  "what crosses in a step is what is fed and what is asked for, and nothing stays behind": async (device) => {
    const traffic = watchTraffic();
    const [level, push] = [input("level", [width]), input("push", [])];
    const after = level.mul(0.9).add(push);
    const program = await compileStateful({ level: { before: level, after } }, { sum: after.sum() }, optionsOf(device));
    program.state.load({ level: start });
    const held = device === "webgpu";
    // The state goes up once.
    await program.step({ push: [1] });
    for (let step = 1; step <= 200; step++) {
      const { up, down } = traffic;
      await program.step({ push: [step] });
      if (step === 100) program.undo();
      if (!held) continue;
      assert.deepEqual([traffic.up - up, traffic.down - down], [4, 4]);
      assert.equal(traffic.alive, step === 100 ? 1 : 2, `step ${step}`);
    }
    if (!held) assert.equal(traffic.alive, 0);
    const { up, down } = traffic;
    const { level: read } = await program.state.read("level");
    assert.ok(read.every(Number.isFinite));
    if (held) assert.deepEqual([traffic.up - up, traffic.down - down], [0, 4 * width]);
    program.state.clear("level");
    await program.step({ push: [1] });
    assert.deepEqual((await program.state.read("level")).level, new Float32Array(width).fill(1));
    await program.close();
    assert.equal(traffic.alive, 0);
  },
} as const satisfies Readonly<Record<string, (device: Device) => Promise<void>>>;
