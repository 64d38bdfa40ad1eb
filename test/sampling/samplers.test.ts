import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import {
  counted,
  evaluations,
  finish,
  type Option,
  type SamplerName,
  type SamplerSpec,
  samplers,
  solve,
} from "../../src/sampling/index.ts";
import { data, exact, ideal, karras, measuredOrder, moments } from "./gaussian.ts";

/** Each sampler without added noise (order and flow are tested), and with it (the law of its samples is tested). */
const settings: { readonly [K in SamplerName]: { readonly ode?: SamplerSpec; readonly sde?: SamplerSpec } } = {
  euler: { ode: { type: "euler" }, sde: { type: "euler", sChurn: 20 } },
  heun: { ode: { type: "heun" }, sde: { type: "heun", sChurn: 30 } },
};

const names = Object.keys(samplers) as SamplerName[];
const silent = () => new Float64Array(1);
const [max, min] = [10, 0.02];

for (const name of names)
  describe(name, () => {
    const { ode, sde } = settings[name];
    const member = samplers[name];

    if (ode && member.order > 0) {
      test(`converges to the exact flow with order ${member.order}`, async () => {
        const x = Float64Array.of(4);
        const order = await measuredOrder([32, 64, 128], async (steps) => {
          const sigmas = karras(steps, max, min);
          return Math.abs((await finish(solve(ode, ideal, x, sigmas)))[0] - exact(x, sigmas)[0]);
        });
        assert.ok(Math.abs(order - member.order) < 0.25, `measured order ${order.toFixed(2)}`);
      });

      test("leaves its start as it was, and never writes to an array it yielded", async () => {
        const x = Float64Array.of(4, -3);
        const seen: [Float64Array, Float64Array][] = [[x, x.slice()]];
        for await (const { x: now } of solve(ode, ideal, x, [...karras(6, max, min), 0])) seen.push([now, now.slice()]);
        for (const [array, copy] of seen) assert.deepEqual(array, copy);
      });
    }

    if (sde) {
      test("with noise, the law of the samples converges to the data's", async () => {
        const start = { mean: data.mean, std: Math.hypot(data.std, max) };
        const law = (steps: number) => {
          const sigmas = [...karras(steps, max, 0.002), 0];
          return moments((x, noise) => solve(sde, ideal, x, sigmas, { noise }), start);
        };
        const [coarse, fine] = [await law(100), await law(400)];
        const error = ({ std }: { std: number }) => Math.abs(std - data.std);
        assert.ok(fine.draws > 0);
        assert.ok(Math.abs(fine.mean - data.mean) < 1e-3, `mean ${fine.mean}`);
        assert.ok(error(fine) < 0.025, `standard deviation ${fine.std}`);
        assert.ok(error(fine) < Math.max(1e-4, error(coarse) / 3), `standard deviations ${coarse.std}, ${fine.std}`);
      });

      test("refuses to add noise without a source", async () => {
        await assert.rejects(finish(solve(sde, ideal, Float64Array.of(1), [max, 1, 0])), ConfigError);
      });
    } else assert.equal(member.noise, "never");

    test("uses as many evaluations as the table says", async () => {
      for (const steps of [2, 3, 5, 8]) {
        const spec: SamplerSpec = { type: name };
        const expected = evaluations(spec, steps);
        if (expected === undefined) continue;
        const watched = counted(ideal);
        await finish(solve(spec, watched, Float64Array.of(4), [...karras(steps - 1, max, min), 0], { noise: silent }));
        assert.equal(watched.sigmas.length, expected, `${steps} steps`);
      }
    });

    test("is deterministic, and a batch's samples do not depend on each other", async () => {
      if (evaluations({ type: name }, 5) === undefined) return;
      const sigmas = [...karras(4, max, min), 0];
      const run = (...x: number[]) =>
        finish(solve({ type: name }, ideal, Float64Array.from(x), sigmas, { noise: () => new Float64Array(x.length) }));
      const both = await run(4, -3);
      assert.deepEqual([...both], [...(await run(4)), ...(await run(-3))]);
    });

    test("refuses ladders and starts that make no sense", async () => {
      const x = Float64Array.of(1);
      const bad: [Float64Array, number[]][] = [
        [x, []],
        [x, [1]],
        [x, [1, 2, 0]],
        [x, [2, 2, 0]],
        [x, [2, Number.NaN, 0]],
        [x, [Number.POSITIVE_INFINITY, 1, 0]],
        [x, [2, 1, -1]],
        [x, [2, 0, 0]],
        [Float64Array.of(), [2, 1, 0]],
        [Float64Array.of(Number.NaN), [2, 1, 0]],
      ];
      for (const [start, sigmas] of bad)
        await assert.rejects(finish(solve({ type: name }, ideal, start, sigmas, { noise: silent })), ConfigError);
    });

    test("refuses unknown options and values out of range", async () => {
      const run = (options: object) =>
        finish(solve({ type: name, ...options }, ideal, Float64Array.of(1), [2, 1, 0], { noise: silent }));
      await assert.rejects(run({ nonsense: 1 }), /must be one of|has no options/);
      for (const [option, { type, ...bounds }] of Object.entries<Option>(member.options)) {
        await assert.rejects(run({ [option]: Number.NaN }), ConfigError);
        await assert.rejects(run({ [option]: type === "choice" ? "nonsense" : "1" }), ConfigError);
        if ("min" in bounds) await assert.rejects(run({ [option]: Number(bounds.min) - 1 }), ConfigError);
        if ("above" in bounds) await assert.rejects(run({ [option]: bounds.above }), ConfigError);
        if ("max" in bounds) await assert.rejects(run({ [option]: Number(bounds.max) + 1 }), ConfigError);
      }
    });
  });

test("every sampler has a setting to test it with", () => assert.deepEqual(Object.keys(settings), names));

test("an unknown sampler is refused by name, with the nearest", () => {
  // @ts-expect-error: not a sampler
  assert.throws(() => solve({ type: "huen" }, ideal, Float64Array.of(1), [1, 0]), /Did you mean "heun"/);
});

test("a function stands in for a spec", async () => {
  const x = await finish(solve(samplers.euler.sample, ideal, Float64Array.of(4), [10, 1, 0]));
  assert.deepEqual(x, await finish(solve({ type: "euler" }, ideal, Float64Array.of(4), [10, 1, 0])));
});
