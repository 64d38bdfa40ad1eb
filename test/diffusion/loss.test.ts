import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DiscreteLoss,
  denoisingLoss,
  discreteLoss,
  discreteSchedule,
  isLearned,
  levelAt,
  meanSquaredError,
  multiplierOn,
  noised,
  type Prediction,
  perturbedNoise,
  reverseVarianceNames,
  targetValues,
} from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals } from "../../src/random/index.ts";

const schedule = discreteSchedule({ type: "cosine", steps: 40 });
const dims = 3;
const clean = Float64Array.of(-1, 37 / 127.5 - 1, 200 / 127.5 - 1);
const noise = normals(1, "noise", 0, dims);

test("the gradient of every discrete loss is its central difference", () => {
  for (const loss of ["mse", "rescaled-mse", "kl", "rescaled-kl"] satisfies DiscreteLoss[])
    for (const variance of reverseVarianceNames)
      for (const prediction of ["eps", "x", "v"] satisfies Prediction[])
        for (const t of [0, 1, 20]) {
          const output = normals(2, `${loss} ${variance} ${prediction}`, t, isLearned(variance) ? 2 * dims : dims);
          // Near the truth, where no probability is cut off; ln Σ near that of a real network.
          targetValues(prediction, levelAt(schedule, t), clean, noise).forEach((value, i) => {
            output[i] = value + 0.05 * output[i];
          });
          for (let i = dims; i < output.length; i++)
            output[i] = variance === "learned" ? -2 + 0.1 * output[i] : 0.5 * output[i];
          const at = (values: Float64Array) =>
            discreteLoss({ schedule, loss, variance, prediction }, { t, clean, noise, output: values });
          const { gradient } = at(output);
          for (let i = 0; i < output.length; i++) {
            const h = 1e-5;
            const [up, down] = [h, -h].map((change) => at(output.map((v, k) => (k === i ? v + change : v))));
            // In the losses with a squared error the bound does not reach the prediction.
            const key = i < dims && loss.endsWith("mse") ? "mse" : "loss";
            const numeric = (up[key] - down[key]) / (2 * h);
            const where = `${loss}, ${variance}, ${prediction}, t = ${t}, output ${i}`;
            assert.ok(
              Math.abs(gradient[i] - numeric) < 1e-5 * (1 + Math.abs(numeric)),
              `${where}: ${gradient[i]} is not ${numeric}`,
            );
          }
        }
});

test("a discrete loss is made of the parts its name says", () => {
  const at = (loss: DiscreteLoss, variance: (typeof reverseVarianceNames)[number]) => {
    const output = new Float64Array(isLearned(variance) ? 2 * dims : dims).fill(0.1);
    return discreteLoss({ schedule, loss, variance, prediction: "eps" }, { t: 7, clean, noise, output });
  };
  const hybrid = at("rescaled-mse", "learned-range");
  assert.equal(hybrid.loss, hybrid.mse + hybrid.boundPart);
  assert.ok(Math.abs(hybrid.boundPart - (hybrid.bitsPerDim * 40) / 1000) < 1e-15);
  assert.equal(at("mse", "learned-range").boundPart, hybrid.bitsPerDim);
  assert.equal(at("mse", "fixed-small").loss, hybrid.mse);
  assert.equal(at("rescaled-kl", "fixed-large").loss, 40 * at("kl", "fixed-large").bitsPerDim);
  assert.throws(() => at("l1" as never, "fixed-small"), ConfigError);
  assert.throws(
    () =>
      discreteLoss(
        { schedule, loss: "mse", variance: "learned", prediction: "eps" },
        { t: 1, clean, noise, output: noise },
      ),
    ConfigError,
  );
});

test("one objective has one value, whatever the network predicts", () => {
  // Any estimate of ε, said as x or v, gives the same weighted loss.
  const level = levelAt(schedule, 11);
  const logSnr = schedule.logSnr[11];
  const z = noised(level, clean, noise);
  const eps = normals(3, "estimate", 0, dims);
  const x = z.map((value, i) => (value - level.sigma * eps[i]) / level.alpha);
  const outputs = { eps, x, v: eps.map((value, i) => level.alpha * value - level.sigma * x[i]) };
  for (const type of ["simple", "p2", "min-snr", "debias", "snr-plus-one"] as const) {
    const losses = (["eps", "x", "v"] as const).map(
      (prediction) =>
        multiplierOn(prediction, { type })(logSnr) *
        meanSquaredError(targetValues(prediction, level, clean, noise), outputs[prediction]),
    );
    for (const loss of losses) assert.ok(Math.abs(loss / losses[0] - 1) < 1e-10, `${type}: ${losses}`);
  }
});

test("the ideal denoiser of Gaussian data has the loss w s²σ²/(s² + σ²)", async () => {
  const s = 0.6;
  for (const sigma of [0.05, 0.7, 20]) {
    const weight = multiplierOn("x", { type: "edm" })(-2 * Math.log(sigma));
    // Four dimensions at ±1 standard deviations of data and noise: the mean of a quadratic is its expectation.
    const sample = { clean: Float64Array.of(-s, -s, s, s), noise: Float64Array.of(-1, 1, -1, 1), sigma, weight };
    const { loss } = await denoisingLoss((x) => x.map((v) => (v * s ** 2) / (s ** 2 + sigma ** 2)), sample);
    const expected = (weight * s ** 2 * sigma ** 2) / (s ** 2 + sigma ** 2);
    assert.ok(Math.abs(loss.reduce((a, b) => a + b) / 4 / expected - 1) < 1e-12);
  }
});

test("input perturbation changes the input by γσξ and leaves the target", () => {
  const perturbation = normals(4, "perturbation", 0, dims);
  const level = levelAt(schedule, 5);
  const z = noised(level, clean, perturbedNoise(noise, perturbation, 0.15));
  for (let i = 0; i < dims; i++) {
    const plain = level.alpha * clean[i] + level.sigma * noise[i];
    assert.ok(Math.abs(z[i] - plain - level.sigma * 0.15 * perturbation[i]) < 1e-15);
  }
  assert.deepEqual(perturbedNoise(noise, perturbation, 0), noise);
});
