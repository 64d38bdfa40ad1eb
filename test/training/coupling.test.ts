import assert from "node:assert/strict";
import { test } from "node:test";
import { batches, type Dataset, points } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { type CouplingSpec, coupling, couplingNames } from "../../src/training/index.ts";

const dataset = points("mixture", { size: 400, seed: 1 });
const classes = dataset.classes?.length ?? 0;

function couple(spec: CouplingSpec, data: Dataset = dataset) {
  const assemble = batches(data, { seed: 5 });
  return { assemble, noises: coupling(spec, { seed: 5, assemble, shape: data.shape }) };
}

const specs: { readonly [T in CouplingSpec["type"]]: CouplingSpec } = {
  independent: { type: "independent" },
  aot: { type: "aot", pool: 64 },
  immiscible: { type: "immiscible", candidates: 4 },
};

const distance = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let total = 0;
  for (let i = 0; i < a.length; i += 2) total += Math.hypot(a[i] - b[i], a[i + 1] - b[i + 1]);
  return total / (a.length / 2);
};

test("every coupling is tested", () => assert.deepEqual(Object.keys(specs).sort(), [...couplingNames].sort()));

for (const [name, spec] of Object.entries(specs))
  test(`${name}: a position's noise does not depend on how positions are cut into batches`, () => {
    const whole = couple(spec).noises(10, 150);
    const { noises } = couple(spec);
    const pieces = [noises(10, 60), noises(70, 1), noises(71, 89)].flatMap((part) => [...part]);
    assert.deepEqual(pieces, [...whole]);
  });

test("pairs come closer, most of all by transport", () => {
  const mean = (spec: CouplingSpec) => {
    const { assemble, noises } = couple(spec);
    return distance(assemble(0, 256).x, noises(0, 256));
  };
  const free = mean({ type: "aot", pool: 64, classWise: false });
  assert.ok(free < mean(specs.aot) && mean(specs.aot) < mean(specs.independent));
  assert.ok(mean(specs.immiscible) < mean(specs.independent));
});

test("transport only exchanges the noises of a pool", () => {
  const sorted = (noise: Float32Array) => [...noise].sort((a, b) => a - b);
  const alone = couple(specs.independent).noises(64, 64);
  assert.deepEqual(sorted(couple(specs.aot).noises(64, 64)), sorted(alone));
});

test("within classes, noise says nothing about the label; across them it does", () => {
  // The mean of the noise that goes with each class, in units of its standard error.
  const strongest = (spec: CouplingSpec) => {
    const { assemble, noises } = couple(spec);
    const size = 6400;
    const { labels } = assemble(0, size);
    const noise = noises(0, size);
    const scores = Array.from({ length: classes }, (_, label) => {
      const at = Array.from({ length: size }, (_unused, i) => i).filter((i) => labels?.[i] === label);
      return Math.abs(at.reduce((sum, i) => sum + noise[2 * i], 0)) / Math.sqrt(at.length);
    });
    return Math.max(...scores);
  };
  assert.ok(strongest(specs.aot) < 4, `class-wise: ${strongest(specs.aot)} standard errors`);
  assert.ok(strongest({ type: "aot", pool: 64, classWise: false }) > 10);
});

test("an unknown coupling is refused, with the nearest", () => {
  const assemble = batches(dataset, { seed: 5 });
  const wrong = { type: "aott" } as unknown as CouplingSpec;
  assert.throws(
    () => coupling(wrong, { seed: 0, assemble, shape: [2] }),
    (error) => error instanceof ConfigError && /"aot"/.test(error.message),
  );
});
