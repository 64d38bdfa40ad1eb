import assert from "node:assert/strict";
import { test } from "node:test";
import { batches, type Dataset, datasetFromArray, elements, withMirrorImages } from "../../src/data/index.ts";
import { mixture, stableTargets } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals } from "../../src/random/index.ts";
import { trainerOf } from "../../src/recipe/index.ts";
import { compileStableTarget, createTrainer, type TargetRows } from "../../src/training/index.ts";
import { factsOf, images, moons, recipeOf, tinyImages, tinyPoints } from "./tiny.ts";

const rows = 4;

/** The samples of a step as training makes them, with noise levels of all kinds. */
function samples(dataset: Dataset, { flip = false, position = 0 } = {}): TargetRows & { x: Float64Array } {
  const batch = batches(dataset, { seed: 3, flip })(position, rows);
  return {
    batch,
    x: Float64Array.from(batch.x),
    noise: Float32Array.from(normals(3, "noise", position, batch.x.length)),
    sigma: [0.002, 0.3, 1, 20],
    steps: [],
    scale: [500, 3, 1, -2],
    labels: [],
  };
}

/** x* from x and what the target moves by. */
const target = ({ x, scale }: { x: Float64Array; scale: readonly number[] }, shift: Float32Array) =>
  x.map((v, i) => v + shift[i] / scale[Math.floor((i * rows) / x.length)]);

const farthest = (a: Float64Array, b: Float64Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

const allOf = (dataset: Dataset): Float64Array => {
  const dims = elements(dataset.shape);
  const out = new Float32Array(dataset.size * dims);
  for (let i = 0; i < dataset.size; i++) dataset.read(i, out, i * dims);
  return Float64Array.from(out);
};

/** The ideal denoiser of a data set at each sample's own level. */
function ideal(dataset: Dataset, { x, noise, sigma }: TargetRows & { x: Float64Array }): Float64Array {
  const dims = elements(dataset.shape);
  const exact = mixture({ means: allOf(dataset), dims });
  return Float64Array.from(
    sigma.flatMap((level, row) => {
      const z = x.slice(row * dims, (row + 1) * dims).map((v, d) => v + level * noise[row * dims + d]);
      return [...exact.denoise(z, level)];
    }),
  );
}

for (const [name, dataset, flip] of [
  ["points", moons, false],
  ["images", images, false],
  ["images and their mirror images", images, true],
] as const)
  test(`${name}: with as many references as there are data, targets are the ideal denoiser`, async () => {
    const given = samples(dataset, { flip, position: 5 });
    const setting = { dataset, flip, seed: 1, rows };
    const stable = await compileStableTarget({ type: "stf", references: 10_000 }, setting);
    for (const step of [0, 1]) {
      const { shift, effectiveSampleSize } = await stable.shift(given, { step });
      assert.ok(farthest(target(given, shift), ideal(flip ? withMirrorImages(dataset) : dataset, given)) < 3e-6);
      assert.ok(effectiveSampleSize.every((n) => n >= 1 - 1e-9 && n <= 2 * dataset.size));
    }
    await stable.close();
  });

test("one reference leaves every target as it is, exactly", async () => {
  const stable = await compileStableTarget(
    { type: "stf", references: 1 },
    { dataset: images, flip: false, seed: 1, rows },
  );
  for (const step of [0, 1, 2]) {
    const { shift, effectiveSampleSize } = await stable.shift(samples(images), { step });
    assert.ok(shift.every((v) => v === 0));
    assert.deepEqual([...effectiveSampleSize], [1, 1, 1, 1]);
  }
  await stable.close();
});

test("a target is made of exactly n samples, its own and others drawn for the step", async () => {
  const setting = { dataset: moons, flip: false, seed: 1, rows };
  const given = { ...samples(moons), sigma: [1e6, 1e6, 1e6, 1e6], scale: [1, 1, 1, 1] };
  const stable = await compileStableTarget({ type: "stf", references: 7 }, setting);
  const first = await stable.shift(given, { step: 4 });
  for (const size of first.effectiveSampleSize) assert.ok(Math.abs(size - 7) < 1e-6, `${size}`);
  assert.notDeepEqual((await stable.shift(given, { step: 5 })).shift, first.shift);
  assert.deepEqual((await stable.shift(given, { step: 4 })).shift, first.shift);
  await stable.close();
});

test("classes are compared within themselves; samples without a label with all", async () => {
  const given = samples(images, { position: 2 });
  const labels = [...(given.batch.labels ?? [])];
  const of = async (spec: { classWise?: boolean }, wanted: readonly (number | undefined)[]) => {
    const setting = { dataset: images, flip: false, seed: 1, rows };
    const stable = await compileStableTarget({ type: "stf", references: 12, ...spec }, setting);
    const { shift } = await stable.shift({ ...given, labels: wanted }, { step: 0 });
    await stable.close();
    return target(given, shift);
  };
  const dims = elements(images.shape);
  const exact = stableTargets({
    dims,
    x: given.x,
    noise: Float64Array.from(given.noise),
    sigma: given.sigma,
    references: allOf(images),
    own: given.batch.indices,
    labels,
    referenceLabels: Array.from({ length: 12 }, (_, i) => i % 3),
  });
  assert.ok(farthest(await of({}, labels), exact.target) < 3e-6);
  const every = ideal(images, given);
  assert.ok(
    farthest(
      await of(
        {},
        labels.map(() => undefined),
      ),
      every,
    ) < 3e-6,
  );
  assert.ok(farthest(await of({ classWise: false }, labels), every) < 3e-6);
  assert.ok(farthest(exact.target, every) > 0.01);
});

test("nearly equal images far from the origin keep their weights at small noise levels", async () => {
  const dims = 3 * 16 * 16;
  const base = normals(8, "base", 0, dims);
  const sigma = 0.002;
  // Distances from 0 to 5 σ: the expanded square is off by more than all of them.
  const values = Float64Array.from(
    Array.from({ length: 6 }, (_, i) => [...base.map((v, d) => v + (d < 4 ? (i * sigma) / 2 : 0))]).flat(),
  );
  const dataset = datasetFromArray({ name: "near", shape: [3, 16, 16], values });
  const given = { ...samples(dataset), sigma: new Array(rows).fill(sigma), scale: new Array(rows).fill(1 / sigma) };
  const stable = await compileStableTarget({ type: "stf", references: 6 }, { dataset, flip: false, seed: 1, rows });
  const { shift, effectiveSampleSize } = await stable.shift(given, { step: 0 });
  const exact = stableTargets({
    dims,
    x: given.x,
    noise: Float64Array.from(given.noise),
    sigma: given.sigma,
    references: allOf(dataset),
    own: given.batch.indices,
  });
  assert.ok(Math.max(...exact.effectiveSampleSize) > 1.5);
  for (const [row, size] of effectiveSampleSize.entries())
    assert.ok(Math.abs(size - exact.effectiveSampleSize[row]) < 1e-9);
  assert.ok(farthest(target(given, shift), exact.target) < 1e-6);
  await stable.close();
});

const steps = 4;
async function parametersAfter(recipe: Parameters<typeof trainerOf>[0], dataset: Dataset) {
  const trainer = await createTrainer(trainerOf(recipe, factsOf(dataset)), dataset, { threads: 1 });
  let record = await trainer.advance();
  for (let i = 1; i < steps; i++) record = await trainer.advance();
  const params = (await trainer.read("params")).slice();
  await trainer.close();
  return { params, record };
}

for (const prediction of ["edm", '{"type":"v","path":"vp"}', '{"type":"o","path":"flow"}', '{"type":"ve"}'])
  test(`${prediction}: training with one reference is plain training, bit for bit`, async () => {
    const fields = prediction === "edm" ? [] : [`objective.prediction=${prediction}`];
    const plain = await parametersAfter(tinyImages("edm", ...fields), images);
    const one = await parametersAfter(
      tinyImages("edm", ...fields, 'training.target={"type":"stf","references":1}'),
      images,
    );
    const many = await parametersAfter(
      tinyImages("edm", ...fields, 'training.target={"type":"stf","references":8}', "objective.timesteps.pMean=1"),
      images,
    );
    assert.deepEqual(one.params, plain.params);
    assert.equal(one.record.effectiveSampleSize, 1);
    assert.ok((many.record.effectiveSampleSize ?? 0) > 1.05);
    assert.equal(plain.record.effectiveSampleSize, undefined);
  });

test("for every prediction and path the target is the network that answers x*", async () => {
  // All of the data, one noise level: the loss of a network that answers 0 is the mean square of the ideal target.
  for (const prediction of [
    '{"type":"x","path":"vp"}',
    '{"type":"eps","path":"vp"}',
    '{"type":"o","path":"flow"}',
    '{"type":"edm"}',
  ]) {
    const recipe = tinyPoints(
      `objective.prediction=${prediction}`,
      'objective.timesteps={"type":"log-uniform","sigmaMin":0.4999999,"sigmaMax":0.5}',
      'objective.loss={"multiplier":{"type":"simple"}}',
      'training.target={"type":"stf","references":50}',
    );
    const spec = trainerOf(recipe, factsOf(moons));
    const trainer = await createTrainer(spec, moons);
    const { loss } = await trainer.advance();
    await trainer.close();
    const { batch, seed, objective } = spec;
    const { x } = batches(moons, { seed })(0, batch);
    const noise = Float64Array.from(
      Array.from({ length: batch }, (_, i) => [...Float32Array.from(normals(seed, "noise", i, 2))]).flat(),
    );
    const sigma = 0.5;
    const { cSkip, cOut } = objective.precondition(sigma);
    const z = noise.map((e, i) => x[i] + sigma * e);
    const denoised = mixture({ means: allOf(moons), dims: 2 }).denoise(z, sigma);
    const weight = (cOut / sigma) ** 2;
    const expected = denoised.reduce(
      (sum, d, i) => sum + (weight * ((d - cSkip * z[i]) / cOut) ** 2) / denoised.length,
      0,
    );
    assert.ok(Math.abs(loss / expected - 1) < 1e-4, `${prediction}: ${loss}, expected ${expected}`);
  }
});

test("what stable targets would get wrong is refused, with the reason", async () => {
  const create = (...fields: readonly string[]) =>
    createTrainer(
      trainerOf(tinyImages("edm", 'training.target={"type":"stf","references":4}', ...fields), factsOf(images)),
      images,
    );
  await assert.rejects(
    create('data.augment={"probability":0.1}'),
    (e) => e instanceof ConfigError && /augment/.test(e.message),
  );
  await assert.rejects(
    create('objective.noise={"offset":0.1}'),
    (e) => e instanceof ConfigError && /offset/.test(e.message),
  );
  assert.throws(() => recipeOf("edm", 'training.target={"type":"stf","references":0}'), ConfigError);
  assert.throws(() => recipeOf("edm", 'training.target={"type":"stf"}'), ConfigError);
});

test("the references of a step are the same whether the steps before it were made or not", async () => {
  const given = samples(moons);
  const open = () =>
    compileStableTarget({ type: "stf", references: 20 }, { dataset: moons, flip: false, seed: 2, rows });
  const through = await open();
  const shifts = new Set<string>();
  // 20 of 50, three new ones a step: a permutation lasts eleven steps.
  for (let step = 0; step < 25; step++) {
    const { shift } = await through.shift(given, { step });
    shifts.add(shift.join());
    if (step % 4 > 0 && step !== 11) continue;
    const fresh = await open();
    assert.deepEqual((await fresh.shift(given, { step })).shift, shift, `step ${step}`);
    await fresh.close();
  }
  assert.equal(shifts.size, 25);
  await through.close();
});

test("targets made of few references, of many, and of many in many rows at once are all the same means", async () => {
  const [count, dims, many] = [200, 12, 70];
  const dataset = datasetFromArray({ name: "numbers", shape: [3, 2, 2], values: normals(6, "data", 0, count * dims) });
  const batch = batches(dataset, { seed: 3 })(0, many);
  const noise = Float32Array.from(normals(6, "noise", 0, many * dims));
  const stable = await compileStableTarget(
    { type: "stf", references: 500 },
    { dataset, flip: false, seed: 1, rows: many },
  );
  const references = allOf(dataset);
  // How many rows all references matter to: summed row by row, sixteen rows at a time, all at once.
  for (const far of [0, 1, 3, 5, 17, 25, 70]) {
    const sigma = Array.from({ length: many }, (_, row) =>
      row < far ? (row === 0 ? Number.POSITIVE_INFINITY : 3 + row) : 0.02 * 1.05 ** row,
    );
    const scale = sigma.map((_, row) => 1 + row);
    const { shift, effectiveSampleSize } = await stable.shift(
      { batch, noise, sigma, scale, steps: [], labels: [] },
      { step: far },
    );
    const x = Float64Array.from(batch.x);
    const exact = stableTargets({ dims, x, noise, sigma, references, own: batch.indices });
    assert.ok(
      farthest(
        Float64Array.from(shift, (v, i) => x[i] + v / scale[Math.floor(i / dims)]),
        exact.target,
      ) < 3e-6,
    );
    for (const [row, size] of effectiveSampleSize.entries())
      assert.ok(Math.abs(size / exact.effectiveSampleSize[row] - 1) < 1e-4, `${far}, ${row}: ${size}`);
  }
  await stable.close();
});
