import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { path } from "../../src/diffusion/index.ts";
import { stream } from "../../src/random/index.ts";
import {
  finish,
  type PathSamplerSpec,
  type SamplerName,
  type SamplerSpec,
  samplers,
  solve,
  solvePath,
} from "../../src/sampling/index.ts";
import { denoise, means, stds, weights } from "./bumps.ts";
import { karras } from "./gaussian.ts";
import { type Setting, settings } from "./settings.ts";

const mean = [0, 1].map((k) => weights.reduce((sum, w, c) => sum + w * means[c][k], 0));
const covariance = [0, 1].map((i) =>
  [0, 1].map((j) =>
    weights.reduce(
      (sum, w, c) => sum + w * ((i === j ? stds[c] ** 2 : 0) + (means[c][i] - mean[i]) * (means[c][j] - mean[j])),
      0,
    ),
  ),
);

const samples = 100_000;

/** Mean and covariance of rows in the plane, against those of the data. */
function check(x: Float64Array, within: number): void {
  const found = [0, 1].map((k) => {
    let sum = 0;
    for (let i = k; i < x.length; i += 2) sum += x[i] / samples;
    return sum;
  });
  for (const k of [0, 1]) assert.ok(Math.abs(found[k] - mean[k]) < within, `mean ${found}, of the data ${mean}`);
  for (const i of [0, 1])
    for (const j of [0, 1]) {
      let sum = 0;
      for (let row = 0; row < samples; row++)
        sum += ((x[2 * row + i] - found[i]) * (x[2 * row + j] - found[j])) / samples;
      assert.ok(
        Math.abs(sum - covariance[i][j]) < within,
        `covariance [${i}, ${j}] ${sum}, of the data ${covariance[i][j]}`,
      );
    }
}

/** Noise makes dpm++sde first order; Langevin steps lose a little weight to the wrong bump at each level. */
const effort = (name: SamplerName): readonly [steps: number, within: number] => {
  if (name === "annealed-langevin") return [150, 0.04];
  return samplers[name].order <= 1 || name === "dpm++sde" ? [300, 0.025] : [80, 0.02];
};

const entries = Object.entries(settings) as [SamplerName, Setting][];

const drawing = (name: string) => {
  const own = stream(7, name);
  return () => own.fillNormal(new Float64Array(2 * samples));
};

describe("100,000 samples of a mixture have its mean and covariance", () => {
  // Four standard errors of 100,000 are 0.009 at most; the rest is what so many steps leave.
  for (const [name, { sde, ode, denoise: own }] of entries) {
    const base = sde ?? ode;
    if (own || !base) continue; // consistency functions are of other data
    const spec: SamplerSpec = base.type === "dpm-adaptive" ? { ...base, rtol: 1e-3, atol: 1e-3 } : base;
    const [steps, within] = effort(name);
    test(`${name}, ${sde ? "with noise" : "without noise"}`, async () => {
      const noise = drawing(name);
      const start = noise().map((v) => 80 * v);
      check(await finish(solve(spec, denoise, start, [...karras(steps, 80, 0.002), 0], { noise })), within);
    });
  }
  const vp = path({ type: "vp" });
  const specs: readonly PathSamplerSpec[] = [
    { type: "euler-maruyama", steps: 500 },
    { type: "predictor-corrector", steps: 500, corrector: "none" },
    { type: "predictor-corrector", steps: 300 },
  ];
  for (const spec of specs)
    test(`${JSON.stringify(spec)} along VP`, async () => {
      const noise = drawing(spec.type);
      check(await finish(solvePath(spec, denoise, noise(), vp, { noise, samples })), 0.03);
    });
});
