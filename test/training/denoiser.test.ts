import assert from "node:assert/strict";
import { after, test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import type { Precision } from "../../src/graph/index.ts";
import { parameterCount } from "../../src/nn/index.ts";
import { normals } from "../../src/random/index.ts";
import { modelOf, objectiveOf, type Recipe } from "../../src/recipe/index.ts";
import { byDifferences } from "../../src/sampling/index.ts";
import { compileDenoiser, type Denoiser, networkOf } from "../../src/training/index.ts";
import { tinyImages, tinyPoints } from "./tiny.ts";

const opened: Denoiser[] = [];
after(() => Promise.all(opened.map((denoiser) => denoiser.close())));

/** A network at random for batches of two. */
async function atRandom(
  recipe: Recipe,
  facts: { readonly shape: readonly number[]; readonly classes: number },
  precision: Precision = "float32",
) {
  const model = modelOf(recipe, facts);
  const count = parameterCount(networkOf(model).parameters);
  const params = Float32Array.from(normals(0, "parameters", 0, count), (v) => v / 5);
  const denoiser = await compileDenoiser(model, params, { ...objectiveOf(recipe), batch: 2, precision });
  opened.push(denoiser);
  return denoiser;
}

const cases = {
  "a U-Net with labels": [tinyImages("edm"), { shape: [1, 8, 8], classes: 3 }, [2, undefined]],
  "a U-Net that predicts noise": [tinyImages("ddpm"), { shape: [1, 8, 8], classes: 3 }, [0, 1]],
  "a perceptron": [tinyPoints(), { shape: [2], classes: 0 }, [undefined, undefined]],
} as const;

for (const [name, [recipe, facts, labels]] of Object.entries(cases))
  test(`products with the Jacobian are those of central differences: ${name}`, async () => {
    const denoiser = await atRandom(recipe, facts);
    const size = 2 * facts.shape.reduce((n: number, s) => n * s, 1);
    const draw = (purpose: string, scale = 1) => normals(1, purpose, 0, size).map((value) => scale * value);
    const denoise = denoiser.denoise(labels);
    const differences = byDifferences(denoise, 3e-3);
    for (const sigma of [0.3, 3]) {
      const [x, u, v] = [draw("x", sigma), draw("u"), draw("v")];
      const { denoised, product } = await denoiser.denoiseAndProduct(labels)(x, sigma, v);
      const plain = await denoise(x, sigma);
      assert.ok(denoised.every((value, i) => Math.abs(value - plain[i]) < 1e-5));
      const forward = await differences(x, sigma, u);
      // vᵀ (J u) and (vᵀ J) u, each row by itself.
      for (const [from, to] of [
        [0, size / 2],
        [size / 2, size],
      ]) {
        let [left, right, scale] = [0, 0, 0];
        for (let i = from; i < to; i++) {
          left += v[i] * forward[i];
          right += product[i] * u[i];
          scale += Math.abs(v[i] * forward[i]);
        }
        assert.ok(Math.abs(left - right) < 3e-3 * scale, `σ ${sigma}: ${left} and ${right}`);
      }
    }
  });

for (const [name, [recipe, facts, labels]] of Object.entries(cases))
  test(`in float16 D and its products are those of float32 but for roundings: ${name}`, async () => {
    const [full, half] = [await atRandom(recipe, facts), await atRandom(recipe, facts, "float16")];
    const size = 2 * facts.shape.reduce((n: number, s) => n * s, 1);
    const [x, v] = [normals(1, "x", 0, size), normals(1, "v", 0, size)];
    const [a, b] = await Promise.all([full, half].map((one) => one.denoiseAndProduct(labels)(x, 0.5, v)));
    const plain = await half.denoise(labels)(x, 0.5);
    const distance = (p: Float64Array, q: Float64Array) => Math.hypot(...p.map((value, i) => value - q[i]));
    for (const key of ["denoised", "product"] as const) {
      const error = distance(b[key], a[key]) / Math.hypot(...a[key]);
      assert.ok(error < 30 * 2 ** -11, `${key}: ${error}`);
      assert.ok(error > 2 ** -24, `${key}: ${error} is float32's own`);
    }
    assert.ok(distance(plain, a.denoised) < 30 * 2 ** -11 * Math.hypot(...a.denoised));
  });

test("what does not fit is refused", async () => {
  const denoiser = await atRandom(tinyPoints(), { shape: [2], classes: 0 });
  assert.throws(() => denoiser.denoise([1, undefined]), ConfigError);
  assert.throws(() => denoiser.denoiseAndProduct([1, undefined]), ConfigError);
  const three = new Float64Array(6);
  await assert.rejects(async () => denoiser.denoise([undefined, undefined])(three, 1), RangeError);
});
