import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { points } from "../../src/data/index.ts";
import { ConfigError, SessionError } from "../../src/errors/index.ts";
import { factsOf, preset, type Recipe, resolveRecipe } from "../../src/recipe/index.ts";
import { fitMicroBatch, probe } from "../../src/runs/index.ts";

const moons = points("moons");
const recipe = resolveRecipe(preset("points"), moons);
const withBatch = (batch: number): Recipe => ({ ...recipe, training: { ...recipe.training, batch } });
const microBatchOf = ({ training }: Recipe) => training.microBatch ?? training.batch;

test("the largest micro-batch that fits is found, and few are tried", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 512 }), fc.integer({ min: 1, max: 600 }), async (batch, allowed) => {
      const tried: number[] = [];
      const predicted: number[] = [];
      const predict = (asked: Recipe) => {
        predicted.push(microBatchOf(asked));
        return microBatchOf(asked);
      };
      const measure = async (asked: Recipe) => {
        tried.push(microBatchOf(asked));
        return microBatchOf(asked);
      };
      const { microBatch, bytes } = await fitMicroBatch(withBatch(batch), allowed, predict, measure);
      const divisors = Array.from({ length: batch }, (_, i) => i + 1).filter((n) => batch % n === 0);
      assert.equal(microBatch, divisors.filter((n) => n <= allowed).at(-1));
      assert.equal(bytes, microBatch);
      assert.ok(predicted.length <= 2 + Math.log2(divisors.length + 1), `${predicted}`);
      assert.deepEqual(tried, [microBatch], "what is predicted is measured once");
    }),
  );
});

test("a micro-batch whose process dies did not fit; with none left, the bound is refused", async () => {
  const dies = async (asked: Recipe) => {
    if (microBatchOf(asked) > 4) throw new SessionError("killed");
    return 100;
  };
  const hopeful = () => 0;
  assert.equal((await fitMicroBatch(withBatch(16), 200, hopeful, dies)).microBatch, 4);
  await assert.rejects(fitMicroBatch(withBatch(16), 50, hopeful, dies), (error: unknown) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /--max-memory: .* 1 MiB even example by example/);
    return true;
  });
});

test("a recipe is tried in a process of its own, which says what it took", async () => {
  const taken = await probe(recipe, factsOf(moons), { steps: 2, warmup: 1, threads: 1 });
  assert.ok(taken.speed.secondsPerStep > 0);
  assert.ok(taken.bytes > 2 ** 25 && taken.bytes < 2 ** 30, `${taken.bytes}`);
});
