import assert from "node:assert/strict";
import { test } from "node:test";
import { type Dataset, datasetFromArray } from "../../src/data/index.ts";
import { type Expr, evaluate, type OpAttrs, sizeOf, topological } from "../../src/graph/index.ts";
import { initialize } from "../../src/nn/index.ts";
import { normals } from "../../src/random/index.ts";
import { type Recipe, trainerOf } from "../../src/recipe/index.ts";
import { compile } from "../../src/runtime/index.ts";
import {
  createTrainer,
  decodeSafetensors,
  encodeSafetensors,
  NonFiniteError,
  type Trainer,
  updateGraphs,
} from "../../src/training/index.ts";
import { factsOf, images, moons, tinyImages, tinyPoints } from "./tiny.ts";

const half = "training.precision=float16";

/** The graphs of a small U-Net's update, and something to feed them. */
function unet(...assignments: readonly string[]) {
  const spec = trainerOf(
    tinyImages("edm", "model.network.numBlocks=1", "model.network.dropout=0", "training.batch=2", ...assignments),
    factsOf(images),
  );
  const { losses, gradient, parameters } = updateGraphs(spec);
  const params = initialize(parameters, 1);
  // What networks begin with is 0 in places, and so are most gradients then.
  const moved = params.map((value, i) => value + 0.05 * Math.sin(1.7 * i));
  const feeds: Record<string, Float64Array> = {};
  for (const node of topological([losses, gradient])) {
    if (node.op !== "input") continue;
    const { name } = node.attrs as OpAttrs["input"];
    feeds[name] = normals(3, name, 0, sizeOf(node.shape));
  }
  return { losses, gradient, feeds: { ...feeds, params: Float64Array.from(moved) } };
}

const norm = (x: ArrayLike<number>) => Math.sqrt(Array.from(x).reduce((sum, v) => sum + v * v, 0));
/** How far `x` is from `y`, relative to `y`. */
const apart = (x: ArrayLike<number>, y: ArrayLike<number>) => norm(Array.from(x, (v, i) => v - y[i])) / norm(y);

const [single, halved] = [unet(), unet(half)];
/** The gradient of a U-Net whose loss counts so much, with a loss scale. */
const weighted = (weight: number) => ({ ...single.feeds, weight: [weight, weight] });
const gradientOf = (graph: Expr, weight: number, lossScale = 1) =>
  evaluate([graph], { ...weighted(weight), lossScale: [lossScale] })[0];
const exact = gradientOf(single.gradient, 1);

test("a U-Net's gradient in float16 is that of float32 to a few roundings", () => {
  // Some thirty layers, each a rounding to 2⁻¹¹ forward and one backward.
  const error = apart(gradientOf(halved.gradient, 1, 2 ** 10), exact);
  assert.ok(error < 30 * 2 ** -11, `${error}`);
  assert.ok(error > 2 ** -13, "something is rounded");
});

test("a gradient that float16 does not see is seen with a loss scale, which leaves its digits alone", () => {
  const tiny = 2 ** -30;
  // The bias of the one channel of the output is a sum over the loss's own gradient, and so never float16.
  assert.ok(gradientOf(halved.gradient, tiny).filter((v) => v !== 0).length <= 1);
  const seen = gradientOf(halved.gradient, tiny, 2 ** 40).map((v) => v / tiny);
  assert.deepEqual(seen, gradientOf(halved.gradient, 1, 2 ** 10));
});

test("ONNX Runtime computes the float16 gradient on the processor", async () => {
  const { losses, gradient, feeds } = halved;
  const program = await compile({ losses, gradient }, { threads: 1 });
  const found = await program.run({ ...feeds, lossScale: [2 ** 10] });
  const [expected] = evaluate([losses], { ...feeds, lossScale: [1] });
  assert.ok(apart(found.losses, expected) < 8 * 2 ** -11);
  const [own] = evaluate([gradient], { ...feeds, lossScale: [2 ** 10] });
  assert.ok(apart(found.gradient, own) < 30 * 2 ** -11, `${apart(found.gradient, own)}`);
  await program.close();
});

async function trained(recipe: Recipe, dataset: Dataset, steps: number) {
  const trainer = await createTrainer(trainerOf(recipe, factsOf(dataset)), dataset, { threads: 1 });
  const records = [];
  for (let i = 0; i < steps; i++) records.push(await trainer.advance());
  await trainer.close();
  return records;
}
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

const learning: Readonly<Record<string, readonly [(...set: string[]) => Recipe, Dataset, number]>> = {
  points: [(...set) => tinyPoints("training.batch=64", ...set), moons, 150],
  "images, in micro-batches": [(...set) => tinyImages("edm", "training.microBatch=2", ...set), images, 40],
  "images, in low memory": [(...set) => tinyImages("edm", "training.memory=low", ...set), images, 20],
};
for (const [name, [recipe, dataset, steps]] of Object.entries(learning))
  test(`${name}: training in float16 learns what float32 does`, async () => {
    const [a, b] = [await trained(recipe(), dataset, steps), await trained(recipe(half), dataset, steps)];
    const ending = (records: typeof a) => mean(records.slice(-steps / 2).map(({ loss }) => loss));
    // The same examples and noise: what differs is what roundings have led to.
    assert.ok(Math.abs(ending(b) / ending(a) - 1) < 0.01, `${ending(b)} in float16, ${ending(a)} in float32`);
    assert.ok(a.every(({ lossScale }) => lossScale === undefined));
    assert.ok(b.every(({ lossScale }) => lossScale !== undefined && lossScale <= 20));
  });

const file = async (trainer: Trainer) => new Uint8Array(Buffer.concat(encodeSafetensors(await trainer.checkpoint())));
const open = (dataset: Dataset, ...set: readonly string[]) =>
  createTrainer(trainerOf(tinyPoints(half, ...set), factsOf(dataset)), dataset, { threads: 1 });

/** The checkpoint with another loss scale, or none. */
function rescaled(bytes: Uint8Array<ArrayBuffer>, lossScale?: number) {
  const { tensors, metadata } = decodeSafetensors(bytes, "a checkpoint");
  const { lossScale: _, ...others } = metadata;
  return { tensors, metadata: lossScale === undefined ? others : { ...others, lossScale: String(lossScale) } };
}

for (const micro of [8, 4])
  test(`a gradient that overflows is taken back, and the update made with less, micro-batch ${micro}`, async () => {
    const [whole, low] = await Promise.all([1, 2].map(() => open(moons, `training.microBatch=${micro}`)));
    whole.restore(rescaled(await file(whole), 30.5), "high");
    const { lossScale = Number.NaN, step } = await whole.advance();
    assert.ok(lossScale < 30, "an overflow lowers the loss scale");
    assert.equal(step, 1);
    // As if it had begun with what it came to.
    low.restore(rescaled(await file(low), lossScale + 0.5), "low");
    assert.equal((await low.advance()).lossScale, lossScale);
    assert.deepEqual(await file(whole), await file(low));
    await whole.advance();
    assert.equal(whole.step, 2);
    for (const trainer of [whole, low]) await trainer.close();
  });

test("the loss scale grows by 1 in 1000 good updates", async () => {
  const trainer = await open(moons);
  trainer.restore(rescaled(await file(trainer), 9.9985), "nearly ten");
  const scales = [];
  for (let i = 0; i < 3; i++) scales.push((await trainer.advance()).lossScale);
  assert.deepEqual(scales, [9, 9, 10]);
  assert.ok(Math.abs(Number((await trainer.checkpoint()).metadata.lossScale) - 10.0015) < 1e-9);
  await trainer.close();
});

test("what no loss scale mends stops training, and the state is the last good one", async () => {
  const poisoned = datasetFromArray({
    name: "one NaN",
    shape: [2],
    values: Float32Array.from({ length: 100 }, (_, i) => (i === 40 ? Number.NaN : i / 100)),
  });
  const spoiled = await open(poisoned);
  await assert.rejects(async () => {
    for (let i = 0; i < 20; i++) await spoiled.advance();
  }, /the loss of sample \d of the batch is NaN.*training\.precision float32/);
  await spoiled.close();

  const fast = await open(moons, "training.learningRate.peak=1e30");
  let before = await file(fast);
  await assert.rejects(async () => {
    for (let i = 0; i < 20; i++) {
      before = await file(fast);
      await fast.advance();
    }
  }, NonFiniteError);
  assert.deepEqual(await file(fast), before);
  await fast.close();
});

test("a checkpoint without a loss scale is refused", async () => {
  const trainer = await open(moons);
  const without = rescaled(await file(trainer));
  assert.throws(() => trainer.restore(without, "a file"), /a file: has no loss scale/);
  await trainer.close();
});
