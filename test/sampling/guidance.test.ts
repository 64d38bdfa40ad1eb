import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { gaussian } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import {
  ancestral,
  classifierFree,
  classifierGuided,
  counted,
  finish,
  guidanceActive,
  guide,
  heun,
} from "../../src/sampling/index.ts";
import { close } from "./close.ts";
import { karras, moments } from "./gaussian.ts";

const x = Float64Array.of(0.5, -1, 2, 0.1, 0.7, -0.3);
const [c, u] = [gaussian({ mean: 1, std: 0.3, dims: 3 }), gaussian({ mean: -0.5, std: 0.8, dims: 3 })];

describe("classifier-free guidance", () => {
  test("scale 1 is the conditional answer, 0 the unconditional one, and strength is scale − 1", () => {
    const v = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(v, v, fc.double({ min: -2, max: 10, noNaN: true }), (a, b, w) => {
        const [cond, uncond] = [Float64Array.from(a), Float64Array.from(b)];
        close(guide(cond, uncond, { scale: 1 }), cond, 0);
        close(guide(cond, uncond, {}), cond, 0);
        close(guide(cond, uncond, { scale: 0 }), uncond, 0);
        close(guide(cond, uncond, { strength: w - 1 }), guide(cond, uncond, { scale: w }), 1e-12);
      }),
    );
  });

  test("rescale 1 gives every sample the conditional standard deviation", () => {
    const deviation = (v: Float64Array) => {
      const mean = v.reduce((a, b) => a + b) / v.length;
      return Math.sqrt(v.reduce((sum, one) => sum + (one - mean) ** 2, 0) / v.length);
    };
    const [cond, uncond] = [x, Float64Array.of(1, 0, -1, 3, 0.2, 0.5)];
    const guided = guide(cond, uncond, { scale: 5, rescale: 1, batch: 2 });
    for (const [from, to] of [
      [0, 3],
      [3, 6],
    ])
      close([deviation(guided.slice(from, to))], [deviation(cond.slice(from, to))], 1e-12);
    const flat = new Float64Array(4).fill(2);
    close(guide(flat, flat, { scale: 3, rescale: 0.7 }), flat, 0); // nothing to rescale
  });

  test("outside the interval, whose low end is open, the unconditional network rests", async () => {
    const watched = counted(u.denoise);
    const guided = classifierFree(c.denoise, watched, { scale: 3, interval: [0.5, 2] });
    for (const sigma of [0.1, 0.5, 3]) close(await guided(x, sigma), c.denoise(x, sigma), 0);
    assert.equal(watched.sigmas.length, 0);
    close(await guided(x, 2), guide(c.denoise(x, 2), u.denoise(x, 2), { scale: 3 }), 0);
    assert.equal(guidanceActive(0.5, [0.5, 2]), false);
    assert.equal(guidanceActive(2, [0.5, 2]), true);
  });

  test("guidance of x, ε and v is the same, except for the rescaling", async () => {
    const run = (rescaleOn: "x" | "eps" | "v", rescale: number) =>
      classifierFree(c.denoise, u.denoise, { scale: 4, rescale, rescaleOn, batch: 2 })(x, 1.3);
    const plain = await run("x", 0);
    for (const on of ["eps", "v"] as const) close(await run(on, 1e-9), plain, 1e-7);
    const [onX, onEps] = [await run("x", 0.7), await run("eps", 0.7)];
    assert.ok(onX.some((v, i) => Math.abs(v - onEps[i]) > 1e-3));
  });

  test("what makes no sense is refused", () => {
    assert.throws(() => guide(x, x, { scale: 2, strength: 1 }), /both given/);
    assert.throws(() => guide(x, x, { scale: Number.NaN }), ConfigError);
    assert.throws(() => guide(x, x, { scale: 2, rescale: 1.5 }), ConfigError);
    assert.throws(() => guide(x, x, { scale: 2, rescale: 0.5, batch: 4 }), /does not divide/);
    assert.throws(() => classifierFree(c.denoise, u.denoise, { interval: [2, 1] }), /low below high/);
    assert.throws(() => classifierFree(c.denoise, u.denoise, { scale: Number.POSITIVE_INFINITY }), ConfigError);
  });
});

// Data N(m, s²) and a classifier with p(y | x) ∝ exp(−(x − a)²/(2b²)): the conditional data are Gaussian too.
describe("classifier guidance", () => {
  const [m, s, a, b] = [0.2, 0.7, 1.5, 0.5];
  const prior = gaussian({ mean: m, std: s });
  const variance = 1 / (1 / s ** 2 + 1 / b ** 2);
  const posterior = gaussian({ mean: variance * (m / s ** 2 + a / b ** 2), std: Math.sqrt(variance) });
  /** ∇ ln p(y | x_σ), the difference of two scores. */
  const gradient = (z: Float64Array, sigma: number) => {
    const [given, without] = [posterior.score(z, sigma), prior.score(z, sigma)];
    return given.map((v, i) => v - without[i]);
  };

  test("with the exact classifier it samples the conditional data", async () => {
    const start = Float64Array.of(9, -4);
    const sigmas = karras(40, 10, 0.002);
    const guided = await finish(heun(classifierGuided(prior.denoise, gradient), start, sigmas));
    close(guided, posterior.flow(start, 10, 0.002), 2e-3);
  });

  test("the ancestral form samples it too, as steps become small", async () => {
    const start = { mean: m, std: Math.hypot(s, 20) };
    const law = await moments(
      (z, noise) => ancestral(prior.denoise, z, [...karras(1500, 20, 0.002), 0], { noise, gradient }),
      start,
    );
    assert.ok(Math.abs(law.mean - posterior.flow(Float64Array.of(law.mean), 1, 1)[0]) < 1e-9);
    assert.ok(Math.abs(law.std - Math.sqrt(variance)) < 0.02, `${law.std}, expected ${Math.sqrt(variance)}`);
    assert.ok(Math.abs(law.mean - variance * (m / s ** 2 + a / b ** 2)) < 0.02, `mean ${law.mean}`);
  });
});
