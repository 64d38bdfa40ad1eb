import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors/index.ts";
import {
  defineRecipe,
  expenseOf,
  lasting,
  measureSpeed,
  objectiveOf,
  preset,
  presetNames,
  presetSummaries,
  type Recipe,
  setField,
  trainerOf,
} from "../../src/recipe/index.ts";
import { learningRate } from "../../src/training/index.ts";
import { tinyImages, tinyPoints } from "../training/tiny.ts";

describe("presets", () => {
  for (const name of presetNames)
    test(`${name} is a valid recipe that says what it is and fits its data`, () => {
      const recipe = preset(name);
      assert.deepEqual(defineRecipe(JSON.parse(JSON.stringify(recipe))), recipe);
      assert.match(presetSummaries[name], /^.{20,90}$/);
      const known = { ...recipe, data: { ...recipe.data, sigmaData: 0.5 } };
      const facts = recipe.data.size ? { shape: [1, 32, 32], classes: 10 } : { shape: [2], classes: 8 };
      const { parameters, forwardFlops, trainingFlops } = expenseOf(known, facts);
      assert.ok(parameters > 1000 && forwardFlops > 1000);
      // Forward, and twice that backward; a little more for the loss and the update.
      assert.ok(trainingFlops / forwardFlops > 2.5 && trainingFlops / forwardFlops < 4);
    });
});

describe("setField", () => {
  const object = { a: { b: 1, list: [1, 2] }, c: "x" };
  test("sets numbers, texts, lists and objects, and nothing else", () => {
    assert.deepEqual(setField(object, "a.b=2"), { ...object, a: { ...object.a, b: 2 } });
    assert.deepEqual(setField(object, "c=edm"), { ...object, c: "edm" });
    assert.deepEqual(setField(object, "c=a=b"), { ...object, c: "a=b" });
    assert.deepEqual(setField(object, "a.list=[3]"), { ...object, a: { ...object.a, list: [3] } });
    assert.deepEqual(setField(object, 'd.e.f={"g":true}'), { ...object, d: { e: { f: { g: true } } } });
    assert.deepEqual(object, { a: { b: 1, list: [1, 2] }, c: "x" });
  });
  test("setting what is there already changes nothing", () => {
    const recipe = preset("edm");
    const leaves = (value: unknown, path: string): string[] =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === "" ? key : `${path}.${key}`))
        : [`${path}=${JSON.stringify(value)}`];
    for (const assignment of leaves(recipe, "")) assert.deepEqual(setField(recipe, assignment), recipe, assignment);
  });
  for (const wrong of ["", "a", "=3"])
    test(`refuses "${wrong}"`, () => assert.throws(() => setField(object, wrong), ConfigError));
  test("a field named __proto__ is refused by the schema and pollutes nothing", () => {
    assert.throws(() => defineRecipe(setField(preset("edm"), "__proto__.polluted=1")), ConfigError);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });
});

describe("mistakes", () => {
  const cases: Readonly<Record<string, readonly [string, RegExp]>> = {
    "unknown field": [
      "training.bach=3",
      /^r: training\.bach: unknown field \(fields are images, batch, .*Did you mean "batch"\?$/,
    ],
    "unknown part": ["trainin.batch=3", /^r: trainin: unknown field .*Did you mean "training"\?$/],
    "unknown member of a family": [
      "objective.prediction.type=edn",
      /^r: objective\.prediction\.type must be one of .*got "edn"\. Did you mean "edm"\?$/,
    ],
    "field of another member": [
      "objective.timesteps.bins=3",
      /^r: objective\.timesteps\.bins: unknown field \(fields are type, pMean, pStd\)/,
    ],
    "unknown network": ["model.network.type=unet", /^r: model\.network\.type must be one of song-unet, /],
    "a text for a number": ["training.batch=many", /^r: training\.batch must be a (whole )?number; got "many"\.$/],
    "a fraction for a count": ["training.batch=1.5", /^r: training\.batch must be a whole number; got 1\.5\.$/],
    "a number for a list": ["model.network.channelMult=2", /^r: model\.network\.channelMult must be a list; got 2\.$/],
    "an empty list": [
      "model.network.channelMult=[]",
      /^r: model\.network\.channelMult must be a list of 1 or more; got \[\]\.$/,
    ],
    "a wrong number in a list": [
      "model.network.channelMult=[1,0]",
      /^r: model\.network\.channelMult\.1 must be at least 1; got 0\.$/,
    ],
    "too small": ["training.batch=0", /^r: training\.batch must be at least 1; got 0\.$/],
    "too large": ["training.labelDropout=1", /^r: training\.labelDropout must be below 1; got 1\.$/],
    "a text for a switch": ["data.flip=yes", /^r: data\.flip must be true or false; got "yes"\.$/],
    "an object for a text": ["data.source={}", /^r: data\.source must be a text; got \{\}\.$/],
    "both a multiplier and a weighting": ['objective.loss.weighting={"type":"edm"}', /^r: objective\.loss/],
    "unknown sampler": [
      "sampling.sampler=huen",
      /^r: sampling\.sampler must be one of .*got "huen"\. Did you mean "heun"\?$/,
    ],
    "null for a part": ["objective=null", /^r: objective must be an object; got null\.$/],
  };
  for (const [name, [assignment, pattern]] of Object.entries(cases))
    test(name, () =>
      assert.throws(
        () => defineRecipe(setField(preset("edm"), assignment), "r"),
        (error) => (error instanceof ConfigError && pattern.test(error.message)) || assert.fail(String(error)),
      ),
    );

  test("whatever is given as a recipe, it is taken or refused in one line", () => {
    const paths = ["data", "data.size", "model.network", "objective.loss", "training.ema", "sampling.grid.type", "x"];
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        try {
          defineRecipe(setField(preset("edm"), `${path}=${JSON.stringify(value)}`), "r");
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error));
          assert.match(error.message, /^r: [^\n]+[.?]$/);
        }
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.throws(() => defineRecipe(value), ConfigError);
      }),
    );
  });

  test("micro-batches, labels and sigmaData are checked against the data", () => {
    const facts = { shape: [1, 8, 8], classes: 0 };
    assert.throws(() => trainerOf(tinyImages("edm"), facts), /model\.conditional: the data has no labels/);
    assert.throws(() => objectiveOf(preset("edm")), /internal: data\.sigmaData/);
  });
});

describe("lasting", () => {
  test("the end of training looks the same: learning rate and average at every share of the way", () => {
    for (const name of presetNames) {
      const start = preset(name);
      const long = lasting(start, 3 * start.training.images);
      const rate = (recipe: Recipe, share: number) =>
        learningRate(recipe.training.learningRate)({ step: 0, batch: 1, images: share * recipe.training.images });
      for (const share of [0, 0.01, 0.3, 0.62, 0.99, 1])
        assert.ok(Math.abs(rate(long, share) - rate(start, share)) < 1e-6, `${name} at ${share}`);
      assert.deepEqual(lasting(long, start.training.images), start);
    }
  });
});

describe("expense", () => {
  const facts = { shape: [1, 8, 8], classes: 3 };
  test("micro-batches take less memory and no less work", () => {
    const whole = expenseOf(tinyImages("edm", "training.batch=16"), facts);
    const parts = expenseOf(tinyImages("edm", "training.batch=16", "training.microBatch=2"), facts);
    assert.ok(parts.stepBytes < whole.stepBytes / 3);
    assert.ok(parts.trainingFlops >= whole.trainingFlops);
    assert.equal(parts.parameters, whole.parameters);
    assert.equal(whole.stateBytes, 32 * whole.parameters);
    assert.equal(parts.stateBytes, 24 * parts.parameters);
  });
  test("speed is measured on made-up data", async () => {
    const { readySeconds, secondsPerStep } = await measureSpeed(
      tinyPoints(),
      { shape: [2], classes: 8 },
      { steps: 3, draws: 5 },
    );
    assert.ok(readySeconds > 0 && secondsPerStep > 0);
  });
});
