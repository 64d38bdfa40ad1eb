import assert from "node:assert/strict";
import { test } from "node:test";
import { datasetFromArray } from "../../src/data/index.ts";
import { objective } from "../../src/diffusion/index.ts";
import { normals } from "../../src/random/index.ts";
import {
  adaptiveDensity,
  estimatorOf,
  lawRange,
  lossSpread,
  measureErrors,
  modelOf,
  type NoiseErrors,
  trainedModel,
} from "../../src/recipe/index.ts";
import { networkOf } from "../../src/training/index.ts";
import { tinyPoints } from "../training/tiny.ts";

const [s, dims, range] = [0.5, 8, { min: -8, max: 8 }];

/** The exact denoiser of N(0, s²) at work on such data: a network of zeros with EDM's preconditioning. */
async function measured(count: number): Promise<NoiseErrors> {
  const recipe = tinyPoints();
  const facts = { shape: [dims], classes: 0 };
  const { parameters } = networkOf(modelOf(recipe, facts));
  const size = parameters.reduce((n, one) => n + one.shape.reduce((a, b) => a * b, 1), 0);
  const model = trainedModel(recipe, facts, new Float32Array(size));
  const values = normals(2, "data", 0, dims * count).map((v) => s * v);
  const dataset = datasetFromArray({ name: "gaussian", shape: [dims], values });
  const measuring = measureErrors(model, dataset, { range, bins: 64, count, seed: 1 });
  let next = await measuring.next();
  while (!next.done) next = await measuring.next();
  await model.close();
  return next.value;
}

/** E‖ε − ε̂‖² of a dimension. */
const errorAt = (logSnr: number) => 1 / (1 + Math.exp(-logSnr) / s ** 2);

const objectiveWith = (schedule: "cosine" | "flow") =>
  objective({
    prediction: { type: "v" },
    schedule: { kind: "continuous", schedule: { type: schedule, truncate: range } },
    timesteps: { type: "uniform" },
    loss: { weighting: { type: "sigmoid", k: 2 } },
  });

test("the spread of a Gaussian's loss is its closed form: a χ² at every level, and what the schedule leaves between levels", async () => {
  const errors = await measured(200);
  const means = [];
  for (const schedule of ["cosine", "flow"] as const) {
    const built = objectiveWith(schedule);
    const law = built.sampler.law(built.sampler.init());
    const estimator = estimatorOf(built, law);
    let [first, second] = [0, 0];
    for (let i = 0; i < 20_000; i++) {
      const at = range.min + ((range.max - range.min) * (i + 0.5)) / 20_000;
      const loss = (estimator.weight(at) / estimator.density(at)) * errorAt(at);
      const p = (estimator.density(at) * (range.max - range.min)) / 20_000;
      first += p * loss;
      second += p * loss ** 2;
    }
    const between = second / first ** 2 - 1;
    const within = ((2 / dims) * second) / first ** 2; // Var of a mean of squares of `dims` normals
    const spread = lossSpread(errors, estimator);
    const near = (found: { mean: number; error: number }, expected: number) =>
      assert.ok(Math.abs(found.mean - expected) < 4 * found.error + 0.02 * expected, `${found.mean} not ${expected}`);
    near(spread.mean, first);
    near(spread.between, between);
    near(spread.within, within);
    means.push(spread.mean.mean);
    // The best law has the same mean, and nothing left between levels.
    const { weight } = estimator;
    const ideal = lossSpread(errors, { weight, density: adaptiveDensity(errors, weight) });
    near(ideal.mean, first);
    assert.ok(ideal.between.mean < 1e-9 && ideal.variance.mean < spread.variance.mean);
  }
  assert.ok(Math.abs(means[0] / means[1] - 1) < 1e-3, "the mean does not depend on the schedule");
});

test("where a law looks is its range, within [−20, 20]", () => {
  const built = objectiveWith("cosine");
  const { min, max } = lawRange(built, built.sampler.law(built.sampler.init()));
  assert.ok(min >= -8 && min < -7.9 && max <= 8 && max > 7.9);
  const wide = objective({
    prediction: { type: "edm" },
    timesteps: { type: "log-normal", pStd: 9 },
    loss: { weighting: { type: "elbo" } },
  });
  assert.deepEqual(lawRange(wide, wide.sampler.law(wide.sampler.init())), { min: -20, max: 20 });
});
