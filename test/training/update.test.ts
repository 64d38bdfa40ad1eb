import assert from "node:assert/strict";
import { test } from "node:test";
import { normals } from "../../src/random/index.ts";
import { trainerOf } from "../../src/recipe/index.ts";
import { compileInPlace, compileStateful, createState } from "../../src/runtime/index.ts";
import {
  adamFeeds,
  changesInPlace,
  createTrainer,
  NonFiniteError,
  type OptimizerSpec,
  updateGraphs,
} from "../../src/training/index.ts";
import { factsOf, moons, tinyPoints } from "./tiny.ts";

const optimizers: readonly OptimizerSpec[] = [
  { type: "adam" },
  { type: "adam", weightDecay: 0.1 },
  { type: "adamw", weightDecay: 0.1 },
];

for (const optimizer of optimizers)
  test(`${optimizer.type}, decay ${optimizer.weightDecay ?? 0}: in place and in pieces as in one piece, bit for bit`, async () => {
    const { change } = updateGraphs({ ...trainerOf(tinyPoints("training.clip=1"), factsOf(moons)), optimizer });
    const length = 1000;
    const names = ["params", "mean", "square", "ema", "gradient"];
    const start = Object.fromEntries(
      names.map((name) => [name, normals(1, name, 0, length).map((v) => (name === "square" ? v * v : v))]),
    );
    const [inPlace, whole] = [0, 1].map(() =>
      createState(Object.fromEntries(names.map((name) => [name, [length]])), { threads: 1 }),
    );
    for (const { load } of [inPlace, whole]) load(start);
    const changing = await compileInPlace(change, length, { state: inPlace, threads: 1, piece: 300 });
    const program = await compileStateful(change(length), {}, { state: whole, threads: 1 });
    for (let t = 1; t <= 3; t++) {
      const numbers = { ...adamFeeds(optimizer, t, 1e-2), emaDecay: [0.9], gradientScale: [0.5] };
      await changing.run(numbers);
      await program.step(numbers);
    }
    const found = await inPlace.read(...names);
    assert.deepEqual(found, await whole.read(...names));
    assert.notDeepEqual(found.params, Float32Array.from(start.params));
    for (const each of [changing, program, inPlace, whole]) await each.close();
  });

test("many parameters are changed in place: two steps are those of few, and a bad one changes nothing", async () => {
  const recipe = tinyPoints("model.network.width=1024", "training.batch=2", "training.clip=1");
  const spec = trainerOf(recipe, factsOf(moons));
  const whole = await createTrainer(spec, moons, { threads: 1 });
  assert.ok(
    changesInPlace(spec, whole.parameters) &&
      !changesInPlace(spec, 1000) &&
      changesInPlace({ batch: 4, microBatch: 2 }, 1000),
  );
  const parts = await createTrainer({ ...spec, microBatch: 1 }, moons, { threads: 1 });
  for (let i = 0; i < 2; i++) {
    const [a, b] = [await whole.advance(), await parts.advance()];
    assert.ok(Math.abs(b.loss / a.loss - 1) < 1e-4 && Math.abs(b.gradientNorm / a.gradientNorm - 1) < 1e-4);
  }
  const checkpoint = structuredClone(await whole.checkpoint());
  for (const { data } of [checkpoint.tensors["params/out/weight"]]) (data as Float32Array).fill(1e30);
  for (const trainer of [whole, parts]) {
    trainer.restore(checkpoint, "spoiled");
    await assert.rejects(trainer.advance(), NonFiniteError);
    assert.deepEqual(structuredClone(await trainer.checkpoint()), checkpoint);
    await trainer.close();
  }
});
