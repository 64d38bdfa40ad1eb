import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { datasetFromArray } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { parameterCount } from "../../src/nn/index.ts";
import { normals } from "../../src/random/index.ts";
import {
  defineRecipe,
  draw,
  expenseOf,
  guidedStudent,
  guidedTargets,
  modelOf,
  type Recipe,
  samplingPlan,
  studentRecipe,
  taught,
  teacherLevels,
  trainedModel,
  trainerOf,
} from "../../src/recipe/index.ts";
import { createTrainer, encodeSafetensors, networkOf } from "../../src/training/index.ts";
import { factsOf, images, recipeOf, tinyImages } from "../training/tiny.ts";

const cosine = { type: "schedule", schedule: { type: "cosine", truncate: { min: -4.6, max: 9.2 } } } as const;
const usual = { images: 64, learningRate: 1e-3 } as const;
const range = [0, 4] as const;
const facts = factsOf(images);
const threads = { threads: 1 };

/** A model of any parameters but random ones, whose last layers are zero. */
const waves = (recipe: Recipe) => ({
  recipe,
  params: Float32Array.from(
    { length: parameterCount(networkOf(modelOf(recipe, facts)).parameters) },
    (_, i) => Math.sin(i) / 5,
  ),
});

describe("a student that is told the weight of guidance", () => {
  const teachers = {
    "song-unet": tinyImages("edm"),
    "adm-unet": recipeOf(
      "ddpm",
      'model.network={"type":"adm-unet","modelChannels":32,"channelMult":[1,2],"numResBlocks":1,"channelsPerHead":32}',
      "training.batch=4",
      "data.sigmaData=0.5",
    ),
    "dhariwal-unet": recipeOf(
      "v-cosine",
      'model.network={"type":"dhariwal-unet","modelChannels":32,"channelMult":[1,2],"numBlocks":1}',
      "training.batch=4",
      "data.sigmaData=0.5",
    ),
  };
  for (const [name, recipe] of Object.entries(teachers))
    test(`${name}: starts as its teacher, whatever it is told, and costs its teacher's two calls`, async () => {
      const student = defineRecipe(guidedStudent(recipe, { ...usual, range }));
      const teacher = waves(recipe);
      const { start, target } = await taught(student, facts, teacher, threads);
      await target.close();
      const request = { count: 2, seed: 3, ...threads };
      const few = { ...recipe.sampling, steps: 2, guidance: 1 };
      const { sampler: _, ...rest } = few;
      const sampling = { ...rest, sampler: "euler" } as const;
      const [theirs, own] = [
        await last(draw(recipe, facts, teacher.params, { ...request, sampling })),
        await last(draw(student, facts, start, { ...request, sampling: { ...sampling, guidance: 3 } })),
      ];
      for (const [i, value] of theirs.entries()) assert.ok(Math.abs(value - own[i]) < 1e-4 * (1 + Math.abs(value)));
      const alone = { ...student, training: { ...student.training, target: { type: "dsm" } as const } };
      const { trainingFlops, forwardFlops } = expenseOf(student, facts);
      const more = trainingFlops - expenseOf(alone, facts).trainingFlops;
      assert.ok(Math.abs(more - 2 * forwardFlops) <= 1e-6 * trainingFlops);
    });

  test("keeps to the weights of its range, and to the weight alone", () => {
    const student = guidedStudent(tinyImages("edm"), { ...usual, range: [1, 4] });
    const plan = (guidance: Recipe["sampling"]["guidance"]) =>
      samplingPlan(student, { ...student.sampling, ...(guidance !== undefined && { guidance }) });
    assert.ok(plan(4));
    assert.throws(() => plan(0.5), /weights of 1 to 4/);
    assert.throws(() => plan({ scale: 2, interval: [0.1, 5] }), /built in/);
    assert.throws(() => plan({ scale: 2, rescale: 0.7 }), /built in/);
  });

  test("what cannot be told is refused", () => {
    const of = (recipe: Recipe) => guidedStudent(recipe, { ...usual, range });
    assert.throws(() => of(tinyImages("iddpm")), /learned variance/);
    assert.throws(() => of(tinyImages("edm", "model.conditional=false", "training.labelDropout=0")), /without labels/);
    assert.throws(() => of(of(tinyImages("edm"))), /told the weight of guidance already/);
    assert.throws(() => defineRecipe(guidedStudent(tinyImages("edm"), { ...usual, range: [2, 4] })), ConfigError);
    const levels = teacherLevels(of(tinyImages("edm")), 8, cosine);
    const more = { ...usual, levels, steps: 4, loss: "trunc-snr", guidance: 2 } as const;
    assert.throws(() => studentRecipe(of(tinyImages("edm")), facts, more), /its students are/);
  });
});

describe("six updates in one go are three and three, bit for bit", () => {
  const teacher = tinyImages("edm", "model.network.dropout=0.2", "training.microBatch=2");
  const guided = guidedStudent(teacher, { ...usual, range });
  const levels = teacherLevels(guided, 8, cosine);
  const halved = studentRecipe(guided, facts, { ...usual, levels, steps: 4, loss: "trunc-snr" });
  for (const [name, student, from] of [
    ["guided", guided, teacher],
    ["halved", halved, guided],
  ] as const)
    test(name, async () => {
      const spec = trainerOf(student, facts);
      const open = async () =>
        createTrainer(spec, images, { ...threads, ...(await taught(student, facts, waves(from), threads)) });
      const bytes = async ({ checkpoint }: Awaited<ReturnType<typeof open>>) =>
        Buffer.concat(encodeSafetensors(await checkpoint()));
      const [through, first, second] = [await open(), await open(), await open()];
      for (let i = 0; i < 6; i++) await through.advance();
      for (let i = 0; i < 3; i++) await first.advance();
      second.restore(await first.checkpoint(), "half");
      for (let i = 0; i < 3; i++) await second.advance();
      assert.ok((await bytes(second)).equals(await bytes(through)));
      for (const trainer of [through, first, second]) await trainer.close();
    });
});

test("learns every weight at once: two Gaussians guided past each other", async () => {
  const std = 0.5;
  const mean = (label: number | undefined) => (label === undefined ? 0 : 0.4);
  const answer = (x: number, sigma: number, label: number | undefined) =>
    mean(label) + (std ** 2 / (std ** 2 + sigma ** 2)) * (x - mean(label));
  const dataset = datasetFromArray({
    name: "gaussian",
    shape: [2],
    values: normals(4, "gaussian", 0, 2 * 4096).map((v) => 0.4 + std * v),
    labels: new Uint16Array(4096),
    classes: ["only"],
  });
  const points = factsOf(dataset);
  const teacher = recipeOf(
    "points",
    "model.conditional=true",
    `data.sigmaData=${std}`,
    "model.network.width=32",
    "model.network.layers=2",
    "training.batch=64",
  );
  const student = guidedStudent(teacher, { range: [1, 4], images: 64 * 800, learningRate: 5e-3 });
  const target = guidedTargets(
    (labels, weights) => async (x, sigmas) =>
      x.map((v, i) => {
        const row = i >> 1;
        const free = answer(v, sigmas[row], undefined);
        return free + (weights?.[row] ?? 1) * (answer(v, sigmas[row], labels[row]) - free);
      }),
  );
  const trainer = await createTrainer(trainerOf(student, points), dataset, { target, threads: 1 });
  while (trainer.images < student.training.images) await trainer.advance();
  const model = trainedModel(student, points, await trainer.read("ema"));
  const denoiser = await model.denoiser(200);
  const noise = normals(9, "start", 0, 400);
  for (const sigma of [0.3, 1])
    for (const weight of [1, 2.5, 4]) {
      const x = noise.map((v) => 0.4 + Math.hypot(std, sigma) * v);
      const found = await denoiser.denoise(new Array(200).fill(0), weight)(x, sigma);
      const free = (v: number) => answer(v, sigma, undefined);
      const wanted = (v: number) => free(v) + weight * (answer(v, sigma, 0) - free(v));
      const rms = Math.sqrt(found.reduce((sum, v, i) => sum + (v - wanted(x[i])) ** 2, 0) / found.length);
      assert.ok(rms < 0.04, `σ ${sigma}, weight ${weight}: rms error ${rms}`);
    }
  await trainer.close();
  await model.close();
});

async function last<T>(work: AsyncGenerator<unknown, T, void>): Promise<T> {
  for (;;) {
    const step = await work.next();
    if (step.done) return step.value;
  }
}
