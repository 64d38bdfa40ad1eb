import assert from "node:assert/strict";
import { test } from "node:test";
import { gaussian } from "../../src/diffusion/index.ts";
import { consistencyPair, heunStepEach } from "../../src/distillation/index.ts";

test("steps every sample as a Heun step of the batch at its level does", async () => {
  const { denoise } = gaussian({ mean: 0.3, std: 0.5 });
  const [x, noise] = [Float64Array.of(0.1, -0.4), Float64Array.of(1.2, 0.7)];
  const steps = [
    { sigma: 5, next: 2 },
    { sigma: 0.4, next: 0.1 },
  ];
  const alone = await Promise.all(steps.map((step) => consistencyPair(x, noise, step, denoise)));
  const each = async (both: Float64Array, sigmas: Float64Array) =>
    Float64Array.from([0, 1].flatMap((row) => [...denoise(both.slice(2 * row, 2 * row + 2), sigmas[row])]));
  const found = await heunStepEach(
    async (both, sigmas) => each(both, Float64Array.from(sigmas)),
    Float64Array.from(alone.flatMap(({ xSigma }) => [...xSigma])),
    Float64Array.from(steps, ({ sigma }) => sigma),
    Float64Array.from(steps, ({ next }) => next),
  );
  const expected = alone.flatMap(({ xNext }) => [...xNext]);
  for (const [i, value] of expected.entries()) assert.ok(Math.abs(found[i] - value) < 1e-14);
});
