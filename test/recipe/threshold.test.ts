import assert from "node:assert/strict";
import { test } from "node:test";
import { datasetFromArray } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals } from "../../src/random/index.ts";
import { objectiveOf, resolveThreshold } from "../../src/recipe/index.ts";
import { recipeOf } from "../training/tiny.ts";

// Two classes of points, far apart: W₂ falls as α = cos(πt/2), so that a share δ is left at t = (2/π) acos δ.
const [size, dims] = [200, 4];
const classes = datasetFromArray({
  name: "two classes",
  shape: [dims],
  values: normals(1, "two classes", 0, size * dims).map((v, i) => (Math.floor(i / dims) % 2 === 0 ? 20 : -20) + v / 10),
  labels: Array.from({ length: size }, (_, i) => i % 2),
});
const of = (timesteps: object) =>
  recipeOf(
    "v-cosine",
    "data.sigmaData=0.5",
    `objective.timesteps=${JSON.stringify({ type: "bernoulli", p: 0.9, ...timesteps })}`,
  );
const threshold = async (timesteps: object, dataset = classes) => {
  const { objective } = await resolveThreshold(of(timesteps), dataset);
  assert.ok(objective.timesteps.type === "bernoulli" && objective.timesteps.threshold !== "auto");
  return objective.timesteps.threshold;
};

test("the threshold is the time at which a share δ of the distance is left", async () => {
  for (const delta of [0.5, 0.2])
    assert.ok(Math.abs((await threshold({ threshold: "auto", delta })) - (2 / Math.PI) * Math.acos(delta)) < 0.02);
  assert.equal(await threshold({ threshold: 0.3 }), 0.3);
});

test("without labels, bright and dark examples are compared", async () => {
  const { label: _, classes: __, ...unlabelled } = classes;
  assert.ok(Math.abs((await threshold({ threshold: "auto", delta: 0.5 }, unlabelled)) - 2 / 3) < 0.03);
});

test("what cannot be measured is said", async () => {
  assert.throws(() => objectiveOf(of({ threshold: "auto" })), /must be measured first/);
  const few = datasetFromArray({ name: "few", shape: [1], values: Float64Array.of(1, 2) });
  await assert.rejects(
    threshold({ threshold: "auto" }, few),
    (error) => error instanceof ConfigError && /too few examples/.test(error.message),
  );
});
