import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { datasetFromArray } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals } from "../../src/random/index.ts";
import {
  blankTeacher,
  defineRecipe,
  expenseOf,
  progressiveTargets,
  type Recipe,
  type StudentOptions,
  samplingPlan,
  studentLevels,
  studentLosses,
  studentRecipe,
  taught,
  teacherLevels,
  trainedModel,
  trainerOf,
} from "../../src/recipe/index.ts";
import { createTrainer, encodeSafetensors } from "../../src/training/index.ts";
import { factsOf, images, recipeOf, tinyImages } from "../training/tiny.ts";

const cosine = { type: "schedule", schedule: { type: "cosine", truncate: { min: -4.6, max: 9.2 } } } as const;
const usual = { images: 64, learningRate: 1e-3, loss: "trunc-snr" } as const;
const facts = factsOf(images);

describe("a student's recipe", () => {
  const teachers = {
    edm: tinyImages("edm"),
    ddpm: tinyImages("ddpm"),
    "v-cosine": tinyImages("v-cosine"),
    "first-picture": tinyImages("first-picture"),
    augmented: tinyImages("edm", 'data.augment={"probability":0.3}'),
  };
  for (const [name, teacher] of Object.entries(teachers))
    test(`${name}: is complete, samples on its own levels with its own steps, and costs its teacher's calls`, () => {
      const levels = teacherLevels(teacher, 8, cosine);
      const student = defineRecipe(studentRecipe(teacher, facts, { ...usual, levels, steps: 4, guidance: 2 }));
      const { sigmas, evaluations } = samplingPlan(student);
      assert.equal(evaluations, 4);
      const own = levels.filter((_, i) => i % 2 === 1).reverse();
      for (const [i, sigma] of [...own, 0].entries()) assert.ok(Math.abs(sigma - sigmas[i]) <= 1e-9 * sigma);
      assert.deepEqual(studentLevels(student), own.toReversed());
      assert.deepEqual(teacherLevels(student, undefined, cosine), own.toReversed());
      const alone = expenseOf(
        defineRecipe({ ...student, training: { ...student.training, target: { type: "dsm" } } }),
        facts,
      );
      const { trainingFlops, forwardFlops } = expenseOf(student, facts);
      assert.ok(Math.abs(trainingFlops - alone.trainingFlops - 4 * forwardFlops) <= 1e-6 * trainingFlops);
    });

  test("levels that it never saw are refused", () => {
    const levels = teacherLevels(teachers.edm, 8, cosine);
    const student = studentRecipe(teachers.edm, facts, { ...usual, levels, steps: 4 });
    const grid = { type: "karras", sigmaMin: 0.002, sigmaMax: 80 } as const;
    assert.throws(() => samplingPlan(student, { ...student.sampling, sampler: "heun", grid }), ConfigError);
  });

  test("what cannot be distilled is refused", () => {
    const levels = teacherLevels(teachers.edm, 8, cosine);
    const of = (options: Partial<StudentOptions>, teacher: Recipe = teachers.edm) =>
      studentRecipe(teacher, facts, { ...usual, levels, steps: 4, ...options });
    assert.throws(() => of({ steps: 3 }), /do not divide/);
    assert.throws(() => of({ steps: 8 }), ConfigError);
    assert.throws(() => of({ guidance: { scale: 2, rescale: 0.7 } }), /rescales/);
    assert.throws(() => of({}, tinyImages("iddpm")), /learned variance/);
    const unlabelled = tinyImages("edm", "model.conditional=false", "training.labelDropout=0");
    assert.throws(() => of({ guidance: 2 }, unlabelled), /without labels/);
    const student = of({});
    assert.throws(() => teacherLevels(student, 16, cosine), /student of 4 steps/);
  });
});

test("six updates of a student in one go are three and three, bit for bit", async () => {
  const teacher = tinyImages("edm", "model.network.dropout=0.2", "training.microBatch=2");
  const levels = teacherLevels(teacher, 8, cosine);
  const student = studentRecipe(teacher, facts, { ...usual, levels, steps: 4, guidance: 1.5 });
  const spec = trainerOf(student, facts);
  const blank = blankTeacher(teacher, facts);
  const model = { recipe: teacher, params: blank.params.map((_, i) => Math.sin(i) / 5) };
  const open = async () =>
    createTrainer(spec, images, { threads: 1, ...(await taught(student, facts, model, { threads: 1 })) });
  const bytes = async ({ checkpoint }: Awaited<ReturnType<typeof open>>) =>
    Buffer.concat(encodeSafetensors(await checkpoint()));
  const [through, first, second] = [await open(), await open(), await open()];
  assert.deepEqual(await first.read("params"), model.params, "starts from its teacher");
  for (let i = 0; i < 6; i++) await through.advance();
  for (let i = 0; i < 3; i++) await first.advance();
  second.restore(await first.checkpoint(), "half");
  for (let i = 0; i < 3; i++) await second.advance();
  assert.ok((await bytes(second)).equals(await bytes(through)));
  assert.ok(!(await bytes(first)).equals(await bytes(through)));
  for (const trainer of [through, first, second]) await trainer.close();
});

test("a run that wants a teacher does not begin without one", async () => {
  const levels = teacherLevels(tinyImages("edm"), 8, cosine);
  const student = studentRecipe(tinyImages("edm"), facts, { ...usual, levels, steps: 4 });
  await assert.rejects(createTrainer(trainerOf(student, facts), images), /needs a teacher/);
});

describe("a Gaussian's teacher, distilled to one step, becomes the exact map of its ODE", () => {
  const [mean, std, sigmaMax] = [0.3, 0.5, 10];
  const dataset = datasetFromArray({
    name: "gaussian",
    shape: [2],
    values: normals(4, "gaussian", 0, 2 * 4096).map((v) => mean + std * v),
  });
  const points = { shape: [2], classes: 0 };
  /** D of a Gaussian. */
  const answer = () => (x: Float64Array, sigmas: Float64Array) =>
    x.map((v, i) => mean + (std ** 2 / (std ** 2 + sigmas[i >> 1] ** 2)) * (v - mean));
  const grid = {
    type: "schedule",
    schedule: { type: "cosine", truncate: { min: -2 * Math.log(sigmaMax), max: 12 } },
  } as const;

  for (const prediction of ["edm", "x", "v", "eps"] as const)
    for (const loss of prediction === "edm" ? studentLosses : (["trunc-snr"] as const))
      test(`${prediction}, ${loss}`, async () => {
        const teacher = recipeOf(
          "points",
          `data.sigmaData=${std}`,
          "model.network.width=32",
          "model.network.layers=2",
          "training.batch=64",
          `objective.prediction={"type":"${prediction}"}`,
        );
        const levels = teacherLevels(teacher, 128, grid);
        const images = 64 * 600;
        const student = studentRecipe(teacher, points, { levels, steps: 1, images, learningRate: 5e-3, loss });
        const target = progressiveTargets(student, answer);
        const trainer = await createTrainer(trainerOf(student, points), dataset, { target, threads: 1 });
        while (trainer.images < images) await trainer.advance();
        const model = trainedModel(student, points, await trainer.read("ema"));
        const noise = normals(9, "start", 0, 2 * 500);
        const x = noise.map((v) => sigmaMax * v);
        const found = await (await model.denoiser(500)).denoise([])(x, sigmaMax);
        const map = (v: number) => mean + (std / Math.hypot(std, sigmaMax)) * (v - mean);
        const rms = Math.sqrt(found.reduce((sum, v, i) => sum + (v - map(x[i])) ** 2, 0) / found.length);
        assert.ok(rms < 0.03 * std, `rms error ${rms}`);
        await trainer.close();
        await model.close();
      });
});
