import assert from "node:assert/strict";
import { test } from "node:test";
import { atLevel, type ClosedForm, gaussian, mixture, priorLogDensity } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals, stream } from "../../src/random/index.ts";

const four = (scale: number) =>
  Array.from({ length: 5 }, (_, k) => [...normals(k, "centre", 0, 64)].map((v) => scale * v));
const examples: readonly { readonly name: string; readonly data: ClosedForm }[] = [
  { name: "Gaussian", data: gaussian({ mean: [0.3, -1], std: [0.5, 2] }) },
  { name: "Gaussian of equal dimensions", data: gaussian({ mean: 0.3, std: 0.5, dims: 3 }) },
  {
    name: "mixture",
    data: mixture({
      weights: [0.35, 0.65],
      means: [
        [-1, 0.5],
        [0.8, -0.4],
      ],
      stds: [0.3, 0.45],
    }),
  },
  { name: "mixture in 64-D", data: mixture({ means: four(0.3), stds: 0.4 }) },
  { name: "points", data: mixture({ means: Float64Array.of(0, 0, 1, 2, -1, 1), dims: 2 }) },
];
const sigmas = [0.2, 1, 7];

test("score = ∇ ln p = (D − x)/σ², and J = ∂D/∂x", () => {
  for (const { name, data } of examples)
    for (const sigma of sigmas) {
      const rows = 3;
      const x = noisy(data, rows, sigma);
      const v = normals(2, "direction", 0, x.length);
      const step = (h: number) => x.map((xi, i) => xi + h * v[i]);
      const h = 1e-5;
      const [up, down] = [step(h), step(-h)];

      const score = data.score(x, sigma);
      const denoised = data.denoise(x, sigma);
      for (let i = 0; i < x.length; i++) near(score[i], (denoised[i] - x[i]) / sigma ** 2, 1e-9, `${name}: Tweedie`);

      const [pUp, pDown] = [data.logDensity(up, sigma), data.logDensity(down, sigma)];
      for (let row = 0; row < rows; row++)
        near(dot(score, v, row, data.dims), (pUp[row] - pDown[row]) / (2 * h), 1e-6, `${name}: ∇ ln p`);

      const [dUp, dDown] = [data.denoise(up, sigma), data.denoise(down, sigma)];
      const jv = data.jvp(x, sigma, v);
      for (let i = 0; i < x.length; i++) near(jv[i], (dUp[i] - dDown[i]) / (2 * h), 1e-6, `${name}: J v`);
    }
});

test("the divergence is the trace of J", () => {
  for (const { name, data } of examples) {
    const x = noisy(data, 2, 0.8);
    const trace = new Float64Array(2);
    for (let d = 0; d < data.dims; d++) {
      const unit = x.map((_, i) => (i % data.dims === d ? 1 : 0));
      const column = data.jvp(x, 0.8, unit);
      for (let row = 0; row < 2; row++) trace[row] += column[row * data.dims + d];
    }
    const divergence = data.divergence(x, 0.8);
    for (let row = 0; row < 2; row++) near(divergence[row], trace[row], 1e-10, name);
  }
});

test("the density integrates to 1", () => {
  const { data } = examples[2];
  const [cells, width] = [160, 14];
  const x = new Float64Array(2 * cells * cells);
  for (let i = 0; i < cells * cells; i++) {
    x[2 * i] = ((i % cells) / cells - 0.5) * width;
    x[2 * i + 1] = (Math.floor(i / cells) / cells - 0.5) * width;
  }
  const total = data.logDensity(x, 0.6).reduce((sum, l) => sum + Math.exp(l), 0) * (width / cells) ** 2;
  near(total, 1, 1e-6, "∫p");
});

test("samples have the mean and variance of the distribution, the same from the same stream", () => {
  for (const { name, data } of examples) {
    const rows = 4000;
    const x = data.sample(rows, stream(5, "clean", 0));
    assert.deepEqual(data.sample(rows, stream(5, "clean", 0)), x, name);
    // E[D] under very large noise is the mean of the data.
    const mean = data.denoise(new Float64Array(data.dims), 1e6);
    for (let d = 0; d < data.dims; d++) {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += x[row * data.dims + d];
      assert.ok(Math.abs(sum / rows - mean[d]) < 0.12, `${name}: mean ${sum / rows} ≠ ${mean[d]}`);
    }
  }
});

test("a one-component mixture is a Gaussian", () => {
  const one = gaussian({ mean: [0.3, -1], std: 0.7 });
  const mix = mixture({ weights: [3], means: [[0.3, -1]], stds: [0.7] });
  const x = noisy(one, 4, 1);
  for (const sigma of [0, ...sigmas]) {
    const [a, b] = [one.denoise(x, sigma), mix.denoise(x, sigma)];
    for (let i = 0; i < x.length; i++) near(b[i], a[i], 1e-12, "D");
    const [p, q] = [one.logDensity(x, sigma), mix.logDensity(x, sigma)];
    for (let row = 0; row < p.length; row++) near(q[row], p[row], 1e-12, "ln p");
  }
});

test("far from all components nothing overflows", () => {
  for (const { name, data } of examples) {
    const x = new Float64Array(data.dims).fill(1e4);
    for (const out of [data.denoise(x, 0.01), data.score(x, 0.01), data.logDensity(x, 0.01), data.divergence(x, 0.01)])
      assert.ok(out.every(Number.isFinite), name);
  }
});

test("the probability-flow ODE of a Gaussian is solved: dx/dσ = (x − D)/σ", () => {
  const data = gaussian({ mean: [0.3, -1], std: [0.5, 2] });
  const x = Float64Array.of(3, -4);
  const h = 1e-5;
  const [up, down] = [data.flow(x, 2, 2 + h), data.flow(x, 2, 2 - h)];
  const denoised = data.denoise(x, 2);
  for (let i = 0; i < 2; i++) near((up[i] - down[i]) / (2 * h), (x[i] - denoised[i]) / 2, 1e-8, "slope");
  assert.deepEqual(data.flow(x, 2, 2), x);
});

test("on the OU path a unit Gaussian is only shifted: z_t = z_0 − m (1 − e^{−t})", () => {
  const m = [0.7, -2];
  const data = gaussian({ mean: m, std: 1 });
  const at = (t: number) => ({ alpha: Math.exp(-t), sigma: Math.sqrt(-Math.expm1(-2 * t)) });
  const z0 = Float64Array.of(1.5, 0.2);
  for (const t of [0.1, 1, 3]) {
    const { alpha, sigma } = at(t);
    const zt = data.flow(z0, 0, sigma / alpha).map((v) => v * alpha);
    for (let i = 0; i < 2; i++) near(zt[i], z0[i] - m[i] * (1 - Math.exp(-t)), 1e-12, "shift");
    // Its score is that of N(α m, I).
    const score = atLevel(data, at(t)).score(zt);
    for (let i = 0; i < 2; i++) near(score[i], alpha * m[i] - zt[i], 1e-12, "score");
  }
});

test("at a level of a path: z = α D + σ ε̂, score = −ε̂/σ, and the density is that of z", () => {
  const { data } = examples[2];
  const level = { alpha: 0.6, sigma: 0.8 };
  const at = atLevel(data, level);
  const z = Float64Array.of(0.4, -0.3);
  const [x, eps, score] = [at.denoise(z), at.eps(z), at.score(z)];
  for (let i = 0; i < 2; i++) {
    near(level.alpha * x[i] + level.sigma * eps[i], z[i], 1e-12, "z");
    near(score[i], -eps[i] / level.sigma, 1e-12, "score");
  }
  const density = (dz: number) => at.logDensity(Float64Array.of(z[0] + dz, z[1]))[0];
  near((density(1e-5) - density(-1e-5)) / 2e-5, score[0], 1e-7, "∇ ln p(z)");
  const [prior] = priorLogDensity(Float64Array.of(1, 2), 2, 3);
  near(prior, -Math.log(2 * Math.PI * 9) - 5 / 18, 1e-14, "prior");
});

test("what is not a distribution is refused", () => {
  assert.throws(() => gaussian({ mean: [0, 1], std: [1] }), ConfigError);
  assert.throws(() => gaussian({ mean: [0, 1], dims: 3 }), ConfigError);
  assert.throws(() => mixture({ means: [] }), ConfigError);
  assert.throws(() => mixture({ means: Float64Array.of(1, 2, 3), dims: 2 }), ConfigError);
  assert.throws(() => mixture({ means: [[1], [2]], weights: [1, -1] }), ConfigError);
  assert.throws(() => mixture({ means: [[1], [2]], stds: [1] }), ConfigError);
});

function noisy(data: ClosedForm, rows: number, sigma: number): Float64Array {
  const noise = normals(1, "noise", 0, rows * data.dims);
  return data.sample(rows, stream(0, "clean", 0)).map((v, i) => v + sigma * noise[i]);
}

function dot(a: Float64Array, b: Float64Array, row: number, dims: number): number {
  let sum = 0;
  for (let i = row * dims; i < (row + 1) * dims; i++) sum += a[i] * b[i];
  return sum;
}

function near(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance * Math.max(Math.abs(expected), 1),
    `${what}: ${actual} ≠ ${expected}`,
  );
}
