import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import { parameterCount } from "../../src/nn/index.ts";
import { normals } from "../../src/random/index.ts";
import { modelOf, objectiveOf, type Recipe, trainerOf } from "../../src/recipe/index.ts";
import { compileDenoiser, createTrainer, type ModelSpec, networkOf } from "../../src/training/index.ts";
import { factsOf, images, moons, tinyImages, tinyPoints } from "./tiny.ts";

/** The network's output itself, at one noise level. */
const raw = () => ({ cSkip: 0, cOut: 1, cIn: 1, cNoise: 0.4, targetX: 0, targetNoise: 1 });
const energy = 'objective.prediction={"type":"energy"}';
const cases: Readonly<
  Record<string, readonly [Recipe, { readonly shape: readonly number[]; readonly classes: number }]>
> = {
  "a U-Net": [tinyImages("ddpm", energy), factsOf(images)],
  "a U-Net on patches, with attention and a learned variance": [
    tinyImages("iddpm", energy, "model.patch=2"),
    factsOf(images),
  ],
  "a perceptron": [tinyPoints(energy), factsOf(moons)],
};

async function opened(model: ModelSpec) {
  const count = parameterCount(networkOf(model).parameters);
  const params = Float32Array.from(normals(0, "parameters", 0, count), (v) => v / 5);
  return compileDenoiser(model, params, { precondition: raw, batch: 2 });
}

for (const [name, [recipe, facts]] of Object.entries(cases))
  test(`what is predicted is the gradient of ½‖z − f‖², and its Jacobian symmetric: ${name}`, async () => {
    const model = modelOf(recipe, facts);
    const [network, gradient] = await Promise.all([opened({ ...model, energy: false }), opened(model)]);
    try {
      const none = [undefined, undefined];
      const size = 2 * facts.shape.reduce((n, s) => n * s, 1);
      const [z, u, v] = ["z", "u", "v"].map((purpose) => Float64Array.from(normals(1, purpose, 0, size)));
      const f = network.denoise(none);
      const e = async (x: Float64Array) => {
        const values = await f(x, 1);
        return x.reduce((sum, xi, i) => sum + (xi - values[i]) ** 2 / 2, 0);
      };
      const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, ai, i) => sum + ai * b[i], 0);
      const h = 1e-2;
      const along = async (s: number) => e(z.map((zi, i) => zi + s * h * u[i]));
      // Of fourth order: float32 leaves no room for a smaller step.
      const slope = (8 * ((await along(1)) - (await along(-1))) - (await along(2)) + (await along(-2))) / (12 * h);
      const found = dot(await gradient.denoise(none)(z, 1), u);
      assert.ok(Math.abs(found - slope) < 5e-3 * Math.abs(slope) + 5e-2, `${found} and ${slope}`);

      const [vJ, uJ] = [v, u].map((w) => gradient.denoiseAndProduct(none)(z, 1, w));
      const [left, right] = [dot((await vJ).product, u), dot((await uJ).product, v)];
      const [plain, other] = [v, u].map((w) => network.denoiseAndProduct(none)(z, 1, w));
      const twist = dot((await plain).product, u) - dot((await other).product, v);
      assert.ok(Math.abs(left - right) < 1e-3 * Math.max(1, Math.abs(left)), `${left} and ${right}`);
      assert.ok(Math.abs(twist) > 10 * Math.abs(left - right), "a network's own Jacobian is not symmetric");
    } finally {
      await Promise.all([network.close(), gradient.close()]);
    }
  });

test("it learns, and denoises better than it did", async () => {
  const recipe = tinyPoints(
    energy,
    "model.network.width=64",
    "training.batch=64",
    'training.learningRate={"peak":0.003}',
  );
  const facts = factsOf(moons);
  const trainer = await createTrainer(trainerOf(recipe, facts), moons, { threads: 1 });
  try {
    const losses: number[] = [];
    for (let step = 0; step < 300; step++) losses.push((await trainer.advance()).loss);
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
    const [first, last] = [mean(losses.slice(0, 10)), mean(losses.slice(-100))];
    assert.ok(last < 0.9 * first, `from ${first} to ${last}`);
    const denoiser = await compileDenoiser(modelOf(recipe, facts), await trainer.read("params"), {
      ...objectiveOf(recipe),
      batch: 2,
    });
    const denoised = await denoiser.denoise([undefined, undefined])(Float64Array.of(0.5, 0.2, -0.3, 0.1), 0.3);
    assert.ok(denoised.every((value) => Math.abs(value) < 3));
    await denoiser.close();
  } finally {
    await trainer.close();
  }
});

test("a network of another shape has no energy", () => {
  const { network, ...model } = modelOf(tinyPoints(energy), factsOf(moons));
  assert.throws(() => networkOf({ ...model, network: { ...network, outChannels: 3 } as typeof network }), ConfigError);
});
