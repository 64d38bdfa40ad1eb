import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { datasetFromArray } from "../../src/data/index.ts";
import { noiseSchedule } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals } from "../../src/random/index.ts";
import {
  blankFeatures,
  blankTeacher,
  type ConsistencyStudentOptions,
  consistencyStudent,
  consistencyTarget,
  defineRecipe,
  draw,
  expenseOf,
  needsTeacher,
  objectiveOf,
  type Recipe,
  samplingPlan,
  trainedModel,
  trainerOf,
  trainerOptions,
} from "../../src/recipe/index.ts";
import { createTrainer, encodeSafetensors, type MovedTarget } from "../../src/training/index.ts";
import { factsOf, images, recipeOf, tinyImages } from "../training/tiny.ts";

const usual = { steps: 1, scales: 18, metric: "l2", images: 64, learningRate: 1e-3 } as const;
const facts = factsOf(images);
const threads = { threads: 1 };

/** What turns a recipe into a consistency model's own. */
const own = (sigmaMin: number, sigmaMax: number, target: object) => [
  `objective.prediction={"type":"consistency","sigmaMin":${sigmaMin}}`,
  `objective.schedule={"kind":"continuous","schedule":{"type":"edm-sampling","sigmaMin":${sigmaMin},"sigmaMax":${sigmaMax}}}`,
  'objective.timesteps={"type":"uniform"}',
  'objective.uniforms={"type":"low-discrepancy"}',
  'objective.loss={"multiplier":{"type":"uniform-x"}}',
  `training.target=${JSON.stringify({ type: "consistency", ...target })}`,
  `sampling={"sampler":"consistency","steps":1,"grid":{"type":"karras","sigmaMin":${sigmaMin},"sigmaMax":${sigmaMax}},"options":{"sigmaMin":${sigmaMin}}}`,
];

describe("a consistency model's recipe", () => {
  const teacher = tinyImages("edm");
  const of = (options: Partial<ConsistencyStudentOptions> = {}, from: Recipe = teacher) =>
    consistencyStudent(from, facts, { ...usual, ...options });

  test("is complete, draws in one step or more, and costs its networks' calls", () => {
    const student = defineRecipe(of({ guidance: 2 }));
    assert.deepEqual(samplingPlan(student).sigmas, [80, 0]);
    const { sigmas, evaluations } = samplingPlan(student, { ...student.sampling, steps: 3 });
    assert.equal(evaluations, 3);
    assert.equal(sigmas.length, 4);
    assert.ok(sigmas[2] > 0.1, "no step is spent at the lowest level, where nothing changes");
    const alone = defineRecipe({ ...student, training: { ...student.training, target: { type: "dsm" } } });
    const { trainingFlops, forwardFlops } = expenseOf(student, facts);
    const more = trainingFlops - expenseOf(alone, facts).trainingFlops;
    assert.ok(Math.abs(more - 5 * forwardFlops) <= 1e-6 * trainingFlops);
  });

  for (const name of ["ddpm", "v-cosine", "flow"])
    test(`${name}: keeps its teacher's prediction and label, and begins with a DDIM step of it`, () => {
      const from = tinyImages(name);
      const student = defineRecipe(of({}, from));
      const { sigmaMin } = samplingPlan(student).spec as { readonly sigmaMin: number };
      for (const sigma of [2 * sigmaMin, 1, 40]) {
        const [at, base] = [student, from].map((recipe) => objectiveOf(recipe).precondition(sigma));
        assert.ok(Math.abs(at.cNoise - base.cNoise) < 1e-9 * (1 + Math.abs(base.cNoise)));
        assert.ok(Math.abs(at.cIn - base.cIn) < 1e-12);
        assert.ok(Math.abs(at.cOut - (1 - sigmaMin / sigma) * base.cOut) < 1e-12);
      }
    });

  test("what cannot be distilled is refused", () => {
    assert.throws(() => of({}, tinyImages("iddpm")), /learned variance/);
    assert.throws(() => of({}, tinyImages("edm", 'objective.prediction={"type":"energy"}')), /predicts energy/);
    assert.throws(() => of({}, of()), /predicts consistency/);
    assert.throws(() => of({ guidance: { scale: 2, rescale: 0.7 } }), /rescales/);
    const unlabelled = tinyImages("edm", "model.conditional=false", "training.labelDropout=0");
    assert.throws(() => of({ guidance: 2 }, unlabelled), /without labels/);
    const features = (given: typeof facts) => consistencyStudent(unlabelled, given, { ...usual, metric: "features" });
    assert.throws(() => features({ shape: [2], classes: 3 }), /the data are points, no images/);
    assert.throws(() => features({ ...facts, classes: 0 }), /the data have no labels/);
  });

  test("an objective that is no consistency model's is refused", async () => {
    const fields = (name: string, ...more: string[]) => trainerOptions(tinyImages(name, ...more), facts);
    const fine = own(0.002, 80, {});
    await assert.rejects(fields("edm", fine[5]), /evenly along a schedule/);
    await assert.rejects(fields("edm", ...fine, 'objective.prediction={"type":"edm"}'), /identity at its lowest/);
    await assert.rejects(fields("edm", ...fine, "objective.noise.perturbation=0.1"), ConfigError);
    await assert.rejects(fields("edm", ...own(0.002, 80, { startScales: 9, endScales: 4 })), /endScales/);
    assert.throws(() => recipeOf("edm", ...own(0.002, 80, { startScales: 1 })), ConfigError);
    await assert.rejects(createTrainer(trainerOf(tinyImages("edm", ...fine), facts), images), /needs its targets/);
    const seeing = own(0.002, 80, { metric: { type: "features" } });
    await assert.rejects(fields("edm", ...seeing), /needs a classifier trained on the data/);
    const other = { features: new Float32Array(7) };
    await assert.rejects(trainerOptions(tinyImages("edm", ...seeing), facts, undefined, other), /has 7 parameters/);
    assert.throws(() => recipeOf("edm", ...own(0.002, 80, { metric: { type: "features", pixels: -1 } })), ConfigError);
  });
});

const teacher = tinyImages("edm", "model.network.dropout=0.2", "training.microBatch=2");
const fromData = (metric: object) =>
  tinyImages("edm", ...own(0.002, 80, { endScales: 12, ...metric }), "training.images=24");
for (const [name, recipe] of [
  ["distillation", consistencyStudent(teacher, facts, { ...usual, metric: "pseudo-huber", guidance: 1.5 })],
  ["distillation by features", consistencyStudent(teacher, facts, { ...usual, metric: "features" })],
  ["training", fromData({})],
  ["training by features", fromData({ metric: { type: "features", pixels: 0.1 } })],
] as const)
  test(`consistency ${name}: six updates in one go are three and three, bit for bit`, async () => {
    const spec = trainerOf(recipe, facts);
    const model = { recipe: teacher, params: blankTeacher(teacher, facts).params.map((_, i) => Math.sin(i) / 5) };
    const features = blankFeatures(recipe, facts);
    const given = () =>
      trainerOptions(recipe, facts, needsTeacher(recipe) ? model : undefined, {
        ...threads,
        ...(features && { features }),
      });
    const open = async () => createTrainer(spec, images, { ...threads, ...(await given()) });
    const bytes = async ({ checkpoint }: Awaited<ReturnType<typeof open>>) =>
      Buffer.concat(encodeSafetensors(await checkpoint()));
    const [through, first, second] = [await open(), await open(), await open()];
    for (let i = 0; i < 6; i++) await through.advance();
    for (let i = 0; i < 3; i++) await first.advance();
    second.restore(await first.checkpoint(), "half");
    for (let i = 0; i < 3; i++) await second.advance();
    assert.ok((await bytes(second)).equals(await bytes(through)));
    assert.ok(!(await bytes(first)).equals(await bytes(through)));
    for (const trainer of [through, first, second]) await trainer.close();
  });

describe("on a Gaussian the model in one step becomes the exact map", () => {
  const [mean, std, sigmaMin, sigmaMax] = [0.3, 0.5, 0.01, 10];
  const dataset = datasetFromArray({
    name: "gaussian",
    shape: [2],
    values: normals(4, "gaussian", 0, 2 * 4096).map((v) => mean + std * v),
  });
  const points = { shape: [2], classes: 0 };
  const fields = [
    `data.sigmaData=${std}`,
    "model.network.width=32",
    "model.network.layers=2",
    "training.batch=128",
    "training.labelDropout=0",
  ];
  const teacherAnswer = () => async (x: Float64Array, sigmas: Float64Array) =>
    x.map((v, i) => mean + (std ** 2 / (std ** 2 + sigmas[i >> 1] ** 2)) * (v - mean));

  /** Trains, draws in one step, and compares with mean + slope·(x − mean). */
  async function check(recipe: Recipe, target: MovedTarget, slope: number, tolerance: number) {
    const trainer = await createTrainer(trainerOf(recipe, points), dataset, { target, ...threads });
    while (trainer.images < recipe.training.images) await trainer.advance();
    const model = trainedModel(recipe, points, await trainer.read("ema"));
    const x = normals(9, "start", 0, 2 * 500).map((v) => sigmaMax * v);
    const found = await (await model.denoiser(500)).denoise([])(Float64Array.from(x), sigmaMax);
    await model.close();
    const rms = Math.sqrt(found.reduce((sum, v, i) => sum + (v - mean - slope * (x[i] - mean)) ** 2, 0) / found.length);
    await trainer.close();
    assert.ok(rms < tolerance * std, `rms error ${rms}`);
  }

  const cases = [
    ...(["l2", "pseudo-huber"] as const).map((metric) => ["edm", metric] as const),
    ...["x", "v", "eps"].map((prediction) => [prediction, "l2"] as const),
  ];
  for (const [prediction, metric] of cases)
    test(`of the ODE, distilled from the true denoiser by a network for ${prediction} with ${metric}`, async () => {
      const from = recipeOf("points", ...fields, `objective.prediction={"type":"${prediction}"}`);
      const images = 128 * 1200;
      const tolerance = prediction === "eps" ? 0.08 : 0.04; // an error in ε counts σ times
      const recipe = consistencyStudent(from, points, { ...usual, metric, images, learningRate: 5e-3 });
      const student = defineRecipe({
        ...recipe,
        objective: {
          ...recipe.objective,
          prediction: { ...recipe.objective.prediction, sigmaMin } as Recipe["objective"]["prediction"],
          schedule: { kind: "continuous", schedule: { type: "edm-sampling", sigmaMin, sigmaMax } },
        },
      });
      const target = await consistencyTarget(
        student,
        points,
        { answer: teacherAnswer, close: async () => {} },
        threads,
      );
      await check(student, target, Math.hypot(std, sigmaMin) / Math.hypot(std, sigmaMax), tolerance);
    });

  test("of N Euler steps between conditional means, trained without a teacher", async () => {
    const scales = 12;
    const recipe = recipeOf(
      "points",
      ...fields,
      ...own(sigmaMin, sigmaMax, { startScales: scales, endScales: scales }),
      'objective.prediction.label={"type":"log-sigma"}',
      `training.images=${128 * 1500}`,
      'training.learningRate={"peak":5e-3,"decay":{"type":"linear","over":"images","to":192000}}',
      'training.ema={"type":"half-life","images":4000}',
    );
    const target = await consistencyTarget(recipe, points, undefined, threads);
    // E[x + σ' ε | x + σ ε] has slope (s² + σσ')/(s² + σ²): what the recursion multiplies.
    const { logSnr } = noiseSchedule({ type: "edm-sampling", sigmaMin, sigmaMax });
    const level = (n: number) => Math.exp(-logSnr(n / (scales - 1)) / 2);
    let slope = 1;
    for (let n = 1; n < scales; n++) slope *= (std ** 2 + level(n) * level(n - 1)) / (std ** 2 + level(n) ** 2);
    await check(recipe, target, slope, 0.06);
  });
});

test("the pseudo-Huber loss is √(d² + c²) − c of the root mean square d", async () => {
  const losses: number[] = [];
  for (const metric of [{ type: "l2" }, { type: "pseudo-huber", c: 0.3 }]) {
    const recipe = tinyImages("edm", ...own(0.002, 80, { startScales: 4, endScales: 4, metric }), "training.batch=1");
    const targets = await trainerOptions(recipe, facts, undefined, threads);
    const trainer = await createTrainer(trainerOf(recipe, facts), images, { ...threads, ...targets });
    losses.push((await trainer.advance()).loss);
    await trainer.close();
  }
  const [square, curved] = losses;
  assert.ok(Math.abs(curved - (Math.sqrt(square + 0.09) - 0.3)) < 1e-5 * curved, `${square} ${curved}`);
});

test("the loss by features is the distance of D from the target, in x: of a classifier that says nothing the pixels'", async () => {
  const losses: number[] = [];
  for (const metric of [{ type: "l2" }, { type: "features" }, { type: "features", pixels: 3 }]) {
    const recipe = tinyImages("edm", ...own(0.002, 80, { startScales: 4, endScales: 4, metric }));
    const features = blankFeatures(recipe, facts)?.fill(0);
    const options = { ...threads, ...(features && { features }) };
    const targets = await trainerOptions(recipe, facts, undefined, options);
    const trainer = await createTrainer(trainerOf(recipe, facts), images, { ...threads, ...targets });
    losses.push((await trainer.advance()).loss);
    await trainer.close();
  }
  const [square, same, thrice] = losses;
  assert.ok(Math.abs(same - square) < 1e-4 * square, `${same} ${square}`);
  assert.ok(Math.abs(thrice - 3 * square) < 1e-4 * thrice, `${thrice} ${square}`);
});

test("draws the same in one go and in batches, with fresh noise between steps", async () => {
  const recipe = defineRecipe(consistencyStudent(tinyImages("edm"), facts, { ...usual, steps: 3 }));
  const { params } = blankTeacher(recipe, facts);
  const all = async (batch: number) => {
    const drawing = draw(recipe, facts, params, { count: 6, seed: 3, batch, ...threads });
    for (;;) {
      const next = await drawing.next();
      if (next.done) return next.value;
    }
  };
  const [whole, parts] = [await all(6), await all(2)];
  assert.ok(whole.every((v, i) => Math.abs(v - parts[i]) < 1e-4));
});
