import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type BoundStep,
  boundTerm,
  type DiscretizedCdf,
  discreteBound,
  discreteSchedule,
  discretizedCdfs,
  discretizedGradient,
  discretizedLogLikelihood,
  levelAt,
  type NoiseScheduleSpec,
  noiseSchedule,
  normalKl,
  normalPdf,
  posteriorMean,
  priorTerm,
  type ReverseVariance,
  reverseLogVariance,
  reverseStep,
  reverseVarianceNames,
  vdmBound,
  vdmLatent,
  vdmReconstruction,
} from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";

const close = (a: number, b: number, tolerance = 1e-10) =>
  assert.ok(Math.abs(a - b) <= tolerance * (1 + Math.abs(b)), `${a} is not ${b}`);
const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });

test("the Gaussian divergence is its integral, and 0 only between equals", () => {
  const kl = (m1: number, s1: number, m2: number, s2: number) => {
    let sum = 0;
    for (let i = -2000; i <= 2000; i++) {
      const x = m1 + (s1 * i) / 200;
      sum += normalPdf(x, m1, s1) * (Math.log(normalPdf(x, m1, s1)) - Math.log(normalPdf(x, m2, s2))) * (s1 / 200);
    }
    return sum;
  };
  for (const [m1, s1, m2, s2] of [
    [0, 1, 0.5, 1.3],
    [-1, 0.2, 0.3, 2],
    [2, 1.5, 2, 0.9],
  ])
    close(normalKl(m1, 2 * Math.log(s1), m2, 2 * Math.log(s2)), kl(m1, s1, m2, s2), 1e-9);
  fc.assert(
    fc.property(number(-3, 3), number(-5, 5), number(-3, 3), number(-5, 5), (m1, v1, m2, v2) => {
      assert.ok(normalKl(m1, v1, m2, v2) >= 0);
      assert.equal(normalKl(m1, v1, m1, v1), 0);
    }),
  );
});

const cdfs = Object.keys(discretizedCdfs) as DiscretizedCdf[];

test("a discretised Gaussian gives all 256 values together a probability of 1", () => {
  for (const cdf of cdfs)
    for (const [mean, logScale] of [
      [0.1, -1],
      [-0.9, -3],
      [1.2, 0.5],
    ]) {
      let total = 0;
      for (let byte = 0; byte < 256; byte++)
        total += Math.exp(discretizedLogLikelihood(byte / 127.5 - 1, mean, logScale, { cdf }));
      close(total, 1, 1e-9);
    }
});

test("a discretised Gaussian is nearly its density times the width of a bin", () => {
  const x = 140 / 127.5 - 1;
  const density = Math.log((normalPdf(x, 0.3, Math.exp(-1)) * 2) / 255);
  close(discretizedLogLikelihood(x, 0.3, -1, { cdf: "erf" }), density, 1e-4);
  const difference = discretizedLogLikelihood(x, 0.3, -1) - discretizedLogLikelihood(x, 0.3, -1, { cdf: "erf" });
  assert.ok(Math.abs(difference) > 1e-6 && Math.abs(difference) < 1e-2, `the two CDFs differ by ${difference}`);
});

test("the gradient of a discretised Gaussian is its central difference", () => {
  for (const cdf of cdfs)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), number(-1.2, 1.2), number(-2, 1), (byte, mean, logScale) => {
        const x = byte / 127.5 - 1;
        const value = (m: number, s: number) => discretizedLogLikelihood(x, m, s, { cdf });
        fc.pre(value(mean, logScale) > -15);
        const h = 1e-5;
        const gradient = discretizedGradient(x, mean, logScale, { cdf });
        close(gradient.mean, (value(mean + h, logScale) - value(mean - h, logScale)) / (2 * h), 1e-4);
        close(gradient.logScale, (value(mean, logScale + h) - value(mean, logScale - h)) / (2 * h), 1e-4);
      }),
    );
  assert.deepEqual(discretizedGradient(0.004, -1, -6), { mean: 0, logScale: 0 });
});

test("the reverse variances lie where their names say", () => {
  const schedule = discreteSchedule({ type: "cosine", steps: 20 });
  assert.deepEqual(reverseVarianceNames, ["fixed-small", "fixed-large", "learned-range", "learned"]);
  for (let t = 1; t < 20; t++) {
    const at = (variance: ReverseVariance, output?: number) => reverseLogVariance(variance, schedule, t, output);
    assert.ok(at("fixed-small") <= at("fixed-large"));
    close(at("learned-range", -1), at("fixed-small"));
    close(at("learned-range", 1), at("fixed-large"));
    assert.equal(at("learned", -3.2), -3.2);
  }
  assert.equal(reverseLogVariance("fixed-large", schedule, 0), Math.log(schedule.posteriorVariance[1]));
});

test("a perfect network leaves no divergence", () => {
  const schedule = discreteSchedule({ type: "linear-scaled", steps: 50 });
  const clean = Float64Array.of(-1, 0.25, 1);
  const z = Float64Array.of(0.3, -0.7, 1.2);
  for (const t of [1, 20, 49]) {
    const step = reverseStep(schedule, "fixed-small", t, z, { x: clean });
    assert.deepEqual(step.mean, posteriorMean(schedule, t, clean, z));
    assert.equal(boundTerm(schedule, { t, clean, z, ...step }), 0);
  }
});

// Data N(μ, s²), and Gauss–Hermite nodes that integrate quadratics of (x, ε), such as every divergence, exactly.
const [mu, s] = [0.2, 0.4];
const nodes = [-Math.sqrt(3), 0, Math.sqrt(3)];
const weights = [1 / 6, 2 / 3, 1 / 6];
const grid = nodes.flatMap((a, i) => nodes.map((b, j) => ({ a, b, weight: weights[i] * weights[j] })));
const entropy = 0.5 * Math.log(2 * Math.PI * Math.E * s * s);

/** E over data of the bound, in nats, with −ln p(x | z_0) of the continuous data in place of that of bytes. */
async function expectedBound(steps: number, variance: ReverseVariance) {
  const schedule = discreteSchedule({ type: "linear-scaled", steps });
  const posterior = (t: number) => {
    const { alpha, sigma } = levelAt(schedule, t);
    const total = alpha ** 2 * s ** 2 + sigma ** 2;
    return { gain: (alpha * s ** 2) / total, variance: (s ** 2 * sigma ** 2) / total, alpha };
  };
  const model = (z: Float64Array, t: number) => {
    const { gain, variance: ofX, alpha } = posterior(t);
    const exact = schedule.posteriorVariance[t] + schedule.posteriorMeanCoefX0[t] ** 2 * ofX;
    return { x: z.map((v) => mu + gain * (v - alpha * mu)), variance: z.map(() => Math.log(exact)) };
  };
  const clean = Float64Array.from(grid, ({ a }) => mu + s * a);
  const terms: BoundStep[] = [];
  for await (const term of discreteBound(model, clean, {
    schedule,
    variance,
    batch: grid.length,
    clip: false,
    noise: () => Float64Array.from(grid, ({ b }) => b),
  }))
    terms.push(term);
  const expected = (values: (i: number) => number) => grid.reduce((sum, { weight }, i) => sum + weight * values(i), 0);
  const middle = terms.filter(({ t }) => t > 0).reduce((sum, term) => sum + expected((i) => term.bitsPerDim[i]), 0);
  const prior = expected((i) => priorTerm(schedule, clean.subarray(i, i + 1)));
  const reconstruction = 0.5 * Math.log(2 * Math.PI * Math.E * posterior(0).variance);
  // What the marginal of the last timestep is away from N(0, 1): the only gap of the exact reverse process.
  const { alpha, sigma } = levelAt(schedule, steps - 1);
  const gap = normalKl(alpha * mu, Math.log(alpha ** 2 * s ** 2 + sigma ** 2), 0, 0);
  return { nats: (middle + prior) * Math.LN2 + reconstruction, gap };
}

test("on Gaussian data the discrete bound of the exact reverse process is the entropy, with any number of steps", async () => {
  for (const steps of [25, 60]) {
    const { nats, gap } = await expectedBound(steps, "learned");
    close(nats, entropy + gap, 1e-9);
  }
});

test("on Gaussian data the bound with a fixed variance is above the entropy, and falls to it with more steps", async () => {
  const excess: number[] = [];
  for (const steps of [25, 100, 400]) {
    const { nats, gap } = await expectedBound(steps, "fixed-small");
    excess.push(nats - entropy - gap);
  }
  assert.ok(excess.every((value) => value > 0));
  assert.ok(excess[1] < excess[0] / 1.5 && excess[2] < excess[1] / 1.5, excess.join(", "));
});

/** E of the continuous (or T-step) diffusion term over data at μ ± s and over noise, by midpoints in t. */
async function expectedDiffusion(spec: NoiseScheduleSpec, steps?: number) {
  const schedule = noiseSchedule(spec);
  const [low, high] = [100, 160];
  const center = (byte: number) => (2 * byte + 1) / 256 - 1;
  const [mean, std] = [(center(high) + center(low)) / 2, (center(high) - center(low)) / 2];
  const model = (z: Float64Array, logSnr: number) => {
    const [alpha, sigma] = [Math.sqrt(1 / (1 + Math.exp(-logSnr))), Math.sqrt(1 / (1 + Math.exp(logSnr)))];
    return z.map((v) => (sigma * (v - alpha * mean)) / (alpha ** 2 * std ** 2 + sigma ** 2));
  };
  const n = steps ?? 8000;
  const bytes = [low, low, high, high]; // four dimensions: the mean over them is the expectation
  const noise = Float64Array.of(-1, 1, -1, 1);
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const sample = { bytes, t: (i + 0.5) / n, noise, noise0: noise };
    const bound = await vdmBound(model, sample, { schedule, ...(steps === undefined ? {} : { steps }) });
    close(bound.nats, bound.diffusion + bound.latent + bound.reconstruction);
    sum += bound.diffusion / 4 / n;
  }
  return { value: sum, std, schedule, mean };
}

test("on Gaussian data the continuous bound's diffusion term is ½ ln((1 + s² SNR_max)/(1 + s² SNR_min)), on any schedule", async () => {
  const truncate = { min: -6, max: 9 };
  for (const spec of [
    { type: "vdm", gammaMin: -9, gammaMax: 6 },
    { type: "cosine", truncate },
    { type: "linear", truncate },
  ] as const) {
    const { value, std, schedule } = await expectedDiffusion(spec);
    const closed =
      0.5 * (Math.log1p(std ** 2 * Math.exp(schedule.max)) - Math.log1p(std ** 2 * Math.exp(schedule.min)));
    close(value, closed, 5e-4);
  }
});

test("the bound in T steps is above the continuous one and falls to it like 1/T", async () => {
  const spec = { type: "vdm", gammaMin: -9, gammaMax: 6 } as const;
  const { value: continuous } = await expectedDiffusion(spec);
  const [few, many] = [(await expectedDiffusion(spec, 100)).value, (await expectedDiffusion(spec, 400)).value];
  assert.ok(few > many && many > continuous);
  close((few - continuous) / (many - continuous), 4, 0.15);
});

test("the three continuous terms add up to the entropy of Gaussian data", async () => {
  // Reconstruction with the exact posterior of x given z_0, of variance s²/(1 + s² SNR_max).
  const { value, std, schedule, mean } = await expectedDiffusion({ type: "vdm", gammaMin: -9, gammaMax: 3 });
  const latent = vdmLatent(Float64Array.of(mean - std, mean + std), schedule.min) / 2;
  const reconstruction = 0.5 * Math.log((2 * Math.PI * Math.E * std ** 2) / (1 + std ** 2 * Math.exp(schedule.max)));
  const { alpha2, sigma2 } = { alpha2: 1 / (1 + Math.exp(3)), sigma2: 1 / (1 + Math.exp(-3)) };
  const gap = normalKl(Math.sqrt(alpha2) * mean, Math.log(alpha2 * std ** 2 + sigma2), 0, 0);
  close(value + latent + reconstruction, 0.5 * Math.log(2 * Math.PI * Math.E * std ** 2) + gap, 1e-4);
});

test("reconstruction costs nothing without noise and 8 bits with nothing else", () => {
  const bytes = [0, 17, 255];
  const noise = Float64Array.of(1, -2, 0.5);
  close(vdmReconstruction(bytes, noise, 20), 0, 1e-9);
  close(vdmReconstruction(bytes, noise, -60) / Math.LN2, 24, 1e-9);
});

test("impossible choices are the user's errors", async () => {
  const schedule = discreteSchedule({ type: "cosine", steps: 5 });
  const z = new Float64Array(2);
  assert.throws(() => reverseLogVariance("fixedlarge" as never, schedule, 1), ConfigError);
  assert.throws(() => reverseStep(schedule, "learned-range", 1, z, { x: z }), ConfigError);
  assert.throws(() => discretizedLogLikelihood(0, 0, 0, { cdf: "logistic" as never }), ConfigError);
});
