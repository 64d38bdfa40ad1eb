import assert from "node:assert/strict";
import { test } from "node:test";
import { batches, type Dataset, datasetFromArray, points } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals } from "../../src/random/index.ts";
import { type CouplingSpec, couplingNames, openCoupling, type PoolMatcher } from "../../src/training/index.ts";
import { matchPool, optimalPairing, type Pool, permute } from "../../src/transport/index.ts";

const dataset = points("mixture", { size: 400, seed: 1 });
const classes = dataset.classes?.length ?? 0;

async function couple(spec: CouplingSpec, data: Dataset = dataset, matcher?: PoolMatcher) {
  const assemble = batches(data, { seed: 5 });
  const { noise, close } = await openCoupling(spec, {
    seed: 5,
    assemble,
    shape: data.shape,
    ...(matcher && { matcher }),
  });
  return { assemble, noise, close };
}

const specs: { readonly [T in CouplingSpec["type"]]: CouplingSpec } = {
  independent: { type: "independent" },
  aot: { type: "aot", pool: 64 },
  "ot-cfm": { type: "ot-cfm", pool: 64 },
  immiscible: { type: "immiscible", candidates: 4 },
};

const distance = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let total = 0;
  for (let i = 0; i < a.length; i += 2) total += Math.hypot(a[i] - b[i], a[i + 1] - b[i + 1]);
  return total / (a.length / 2);
};

test("every coupling is tested", () => assert.deepEqual(Object.keys(specs).sort(), [...couplingNames].sort()));

for (const [name, spec] of Object.entries(specs))
  test(`${name}: a position's noise does not depend on how positions are cut into batches`, async () => {
    const whole = await (await couple(spec)).noise(10, 150);
    const { noise } = await couple(spec);
    const pieces = [await noise(10, 60), await noise(70, 1), await noise(71, 89)].flatMap((part) => [...part]);
    assert.deepEqual(pieces, [...whole]);
  });

test("pairs come closer, most of all by transport", async () => {
  const mean = async (spec: CouplingSpec) => {
    const { assemble, noise } = await couple(spec);
    return distance(assemble(0, 256).x, await noise(0, 256));
  };
  const free = await mean({ type: "aot", pool: 64, classWise: false });
  const [within, alone] = [await mean(specs.aot), await mean(specs.independent)];
  assert.ok(free < within && within < alone);
  assert.ok((await mean(specs.immiscible)) < alone);
});

test("ot-cfm is aot by squared distances", async () => {
  const noise = async (spec: CouplingSpec) => [...(await (await couple(spec)).noise(0, 128))];
  const squared = await noise({ type: "aot", pool: 64, metric: "squared-euclidean" });
  assert.deepEqual(await noise(specs["ot-cfm"]), squared);
  assert.notDeepEqual(await noise(specs.aot), squared);
});

test("transport only exchanges the noises of a pool", async () => {
  const sorted = (noise: Float32Array) => [...noise].sort((a, b) => a - b);
  const alone = await (await couple(specs.independent)).noise(64, 64);
  assert.deepEqual(sorted(await (await couple(specs.aot)).noise(64, 64)), sorted(alone));
});

const pictures = datasetFromArray({
  name: "pictures",
  shape: [1, 8, 8],
  values: normals(1, "pictures", 0, 50 * 64),
  labels: Array.from({ length: 50 }, (_, i) => i % 7),
});

for (const classWise of [false, true])
  test(`products made by a matrix engine match ${classWise ? "within classes" : "pools"} as well as sums here`, async () => {
    const { assemble, noise, close } = await couple({ type: "aot", pool: 24, classWise }, pictures);
    const independent = await (await couple({ type: "independent" }, pictures)).noise(24, 24);
    const { x, labels } = assemble(24, 24);
    const { permutation } = optimalPairing(x, independent, 64, classWise && labels ? { labels } : {});
    assert.deepEqual(await noise(24, 24), permute(independent, permutation, 64));
    await close();
  });

test("a matcher is asked for each pool once, one ahead of use, and changes nothing", async () => {
  const spec = { type: "aot", pool: 24 } as const;
  const begun: Pool[] = [];
  const matcher: PoolMatcher = async (pool) => {
    begun.push(pool);
    return matchPool(pool);
  };
  const [elsewhere, here] = [await couple(spec, pictures, matcher), await couple(spec, pictures)];
  for (let position = 0; position < 60; position += 10) {
    assert.deepEqual(await elsewhere.noise(position, 10), await here.noise(position, 10));
    assert.equal(begun.length, Math.floor((position + 9) / 24) + 2);
  }
  for (const { close } of [elsewhere, here]) await close();
});

test("a matcher's failure is that of whoever needs its pool", async () => {
  const failing = await couple({ type: "aot", pool: 24 }, pictures, async () => {
    throw new Error("out of order");
  });
  await assert.rejects(failing.noise(0, 5), /out of order/);
  await failing.close();
});

test("within classes, noise says nothing about the label; across them it does", async () => {
  // The mean of the noise that goes with each class, in units of its standard error.
  const strongest = async (spec: CouplingSpec) => {
    const { assemble, noise } = await couple(spec);
    const size = 6400;
    const { labels } = assemble(0, size);
    const drawn = await noise(0, size);
    const scores = Array.from({ length: classes }, (_, label) => {
      const at = Array.from({ length: size }, (_unused, i) => i).filter((i) => labels?.[i] === label);
      return Math.abs(at.reduce((sum, i) => sum + drawn[2 * i], 0)) / Math.sqrt(at.length);
    });
    return Math.max(...scores);
  };
  const within = await strongest(specs.aot);
  assert.ok(within < 4, `class-wise: ${within} standard errors`);
  assert.ok((await strongest({ type: "aot", pool: 64, classWise: false })) > 10);
});

test("an unknown coupling is refused, with the nearest", async () => {
  const assemble = batches(dataset, { seed: 5 });
  const wrong = { type: "aott" } as unknown as CouplingSpec;
  await assert.rejects(
    openCoupling(wrong, { seed: 0, assemble, shape: [2] }),
    (error) => error instanceof ConfigError && /"aot"/.test(error.message),
  );
});
