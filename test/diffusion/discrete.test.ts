import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DiscreteSpec,
  discreteNames,
  discreteSchedule,
  fromBetas,
  respace,
  spaceTimesteps,
  timestepSpacing,
  zeroTerminalSnr,
} from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";

const examples: readonly DiscreteSpec[] = [
  { type: "linear" },
  { type: "linear-scaled", steps: 50 },
  { type: "scaled-linear" },
  { type: "cosine", steps: 30 },
  { type: "sigmoid", steps: 40 },
  { type: "betas", betas: [0.1, 0.2, 0.3] },
  { type: "levels", sigmas: [0.05, 0.4, 3] },
];

test("every discrete process has an example", () => {
  assert.deepEqual(examples.map((spec) => spec.type).sort(), [...discreteNames].sort());
});

test("tables satisfy their definitions on every process", () => {
  for (const spec of examples) {
    const q = discreteSchedule(spec);
    for (let t = 1; t < q.steps; t++) {
      const [a, b, previous] = [q.alphasCumprod[t], q.betas[t], q.alphasCumprod[t - 1]];
      near(a, previous * (1 - b));
      near(q.sigmas[t] ** 2, (1 - a) / a, 1e-9);
      near(q.logSnr[t], -2 * Math.log(q.sigmas[t]), 1e-9);
      // Marginalising the posterior over q(x | z_t) consistency: its mean maps √ᾱ_t x to √ᾱ_{t−1} x …
      near(q.posteriorMeanCoefX0[t] + q.posteriorMeanCoefXt[t] * Math.sqrt(a), Math.sqrt(previous), 1e-9);
      // … and its variance adds up to 1 − ᾱ_{t−1}.
      near(q.posteriorMeanCoefXt[t] ** 2 * (1 - a) + q.posteriorVariance[t], 1 - previous, 1e-9);
      assert.ok(q.sigmas[t] > q.sigmas[t - 1]);
    }
    assert.equal(q.posteriorVariance[0], 0);
    assert.equal(q.posteriorLogVarianceClipped[0], q.posteriorLogVarianceClipped[1]);
  }
});

test("1 − ᾱ keeps its digits for very small β", () => {
  const { sigmas } = fromBetas(Float64Array.of(1e-18, 1e-18));
  near(sigmas[1] ** 2, 2e-18);
});

test("betas outside (0, 1) are refused, with the remedy", () => {
  // 1000/T times 0.02 reaches 1 at T = 20.
  assert.throws(() => discreteSchedule({ type: "linear-scaled", steps: 20 }), /at least 21/);
  assert.ok(discreteSchedule({ type: "linear-scaled", steps: 21 }).alphasCumprod[20] > 0);
  assert.throws(() => discreteSchedule({ type: "betas", betas: [0.1, 1, 0.2] }), ConfigError);
  assert.throws(() => discreteSchedule({ type: "betas", betas: [] }), ConfigError);
  assert.throws(() => discreteSchedule({ type: "levels", sigmas: [1, 0.5] }), /must be finite and rise/);
  assert.throws(() => discreteSchedule({ type: "cosine", steps: 0.5 }), ConfigError);
  assert.throws(() => discreteSchedule({ type: "cosin" } as unknown as DiscreteSpec), /Did you mean "cosine"/);
});

test("zero terminal SNR ends in pure noise and begins unchanged", () => {
  for (const spec of examples) {
    const { betas } = discreteSchedule(spec);
    const q = discreteSchedule({ ...spec, zeroTerminalSnr: true });
    assert.equal(q.alphasCumprod.at(-1), 0);
    assert.equal(q.betas.at(-1), 1);
    assert.equal(q.sigmas.at(-1), Number.POSITIVE_INFINITY);
    near(q.betas[0], betas[0], 1e-9);
    for (const table of [q.posteriorVariance, q.posteriorMeanCoefX0, q.posteriorMeanCoefXt])
      assert.ok(table.every(Number.isFinite));
  }
  assert.throws(() => zeroTerminalSnr([0.1]), ConfigError);
});

test("a respaced process has the marginals of the original at its timesteps", () => {
  const q = discreteSchedule({ type: "cosine", steps: 200 });
  const timesteps = spaceTimesteps(200, "7,3");
  const short = respace(q, timesteps);
  assert.deepEqual([...short.timesteps], timesteps);
  for (const [i, t] of timesteps.entries()) near(short.alphasCumprod[i], q.alphasCumprod[t], 1e-9);
  assert.deepEqual([...respace(short, [0, 9]).timesteps], [timesteps[0], timesteps[9]]);
  assert.throws(() => respace(q, [3, 3]), ConfigError);
  assert.throws(() => respace(q, [0, 200]), ConfigError);
});

test("timesteps are chosen with both ends of every section, and ddimN only where a stride exists", () => {
  assert.deepEqual(spaceTimesteps(10, [4]), [0, 3, 6, 9]);
  assert.deepEqual(spaceTimesteps(10, [1, 2]), [0, 5, 9]);
  assert.deepEqual(spaceTimesteps(10, "ddim5"), [0, 2, 4, 6, 8]);
  for (const bad of ["ddim6", "ddim", "ddimx", "3,", "11", "a"])
    assert.throws(() => spaceTimesteps(10, bad), ConfigError, bad);
  assert.throws(() => spaceTimesteps(10, []), ConfigError);
});

test("trailing and linspace begin at the noisiest timestep, leading does not", () => {
  const first = (spacing: "leading" | "trailing" | "linspace") =>
    timestepSpacing({ steps: 1000, count: 15, spacing })[0];
  assert.equal(first("trailing"), 999);
  assert.equal(first("linspace"), 999);
  assert.equal(first("leading"), 924);
  assert.throws(() => timestepSpacing({ steps: 10, count: 11, spacing: "linspace" }), ConfigError);
  assert.throws(() => timestepSpacing({ steps: 10, count: 10, spacing: "leading", offset: 1 }), ConfigError);
});

function near(actual: number, expected: number, tolerance = 1e-12): void {
  assert.ok(Math.abs(actual - expected) <= tolerance * Math.max(Math.abs(expected), 1e-300), `${actual} ≠ ${expected}`);
}

test("a process by its noise levels visits exactly those", () => {
  const given = [0.002, 0.3, 1, 80];
  const { sigmas, steps } = discreteSchedule({ type: "levels", sigmas: given });
  assert.equal(steps, 4);
  for (const [t, sigma] of given.entries()) assert.ok(Math.abs(sigmas[t] - sigma) < 1e-9 * sigma);
  for (const bad of [[], [1, 1], [2, 1], [0, 1], [1, Number.POSITIVE_INFINITY]])
    assert.throws(() => discreteSchedule({ type: "levels", sigmas: bad }), ConfigError);
});
