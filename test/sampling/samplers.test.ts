import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import {
  counted,
  evaluations,
  finish,
  leastSteps,
  type Option,
  type SamplerName,
  type SamplerSpec,
  samplers,
  solve,
} from "../../src/sampling/index.ts";
import { denoise as bumps } from "./bumps.ts";
import { data, exact, ideal, karras, measuredOrder, moments } from "./gaussian.ts";
import { settings } from "./settings.ts";

/** Further settings whose order differs from the table's. */
const orders: readonly (readonly [SamplerSpec, number, number[]?])[] = [
  [{ type: "heun", alpha: 0.8 }, 2],
  [{ type: "heun", alpha: 2 / 3 }, 2],
  [{ type: "edm-ablation", solver: "euler" }, 1],
  [{ type: "edm-ablation", schedule: "vp", scaling: "vp" }, 2, [128, 256, 512]],
  [{ type: "edm-ablation", schedule: "vp" }, 2, [128, 256, 512]],
  [{ type: "edm-ablation", schedule: "ve", scaling: "vp", alpha: 0.8 }, 2],
  [{ type: "edm-ablation", scaling: "vp" }, 2],
  [{ type: "lms", order: 1 }, 1],
  [{ type: "lms", order: 2 }, 2],
  [{ type: "lms", order: 3 }, 3, [64, 128, 256]],
  [{ type: "dpm++sde", eta: 0, r: 0.3 }, 2],
  [{ type: "dpm++2m-sde", eta: 0, solverType: "heun" }, 2],
  [{ type: "dpm++3m-sde", eta: 0, curvature: 1 }, 3],
];

const names = Object.keys(samplers) as SamplerName[];
const silent = () => new Float64Array(1);
const [max, min] = [80, 0.02];

/** The same between three bumps in the plane, with the end of RK45 at a tolerance of 1e-13 for exact. */
async function checkOrderOnBumps(spec: SamplerSpec, expected: number, counts: number[]): Promise<void> {
  const x = Float64Array.of(100, -60);
  const exact = await finish(solve({ type: "rk45", rtol: 1e-13, atol: 1e-13 }, bumps, x, [max, min]));
  const order = await measuredOrder(counts, async (steps) => {
    const found = await finish(solve(spec, bumps, x, karras(steps, max, min)));
    return Math.hypot(found[0] - exact[0], found[1] - exact[1]);
  });
  assert.ok(Math.abs(order - expected) < 0.3, `measured order ${order.toFixed(2)}`);
}

async function checkOrder(spec: SamplerSpec, expected: number, counts: number[]): Promise<void> {
  const x = Float64Array.of(100);
  const order = await measuredOrder(counts, async (steps) => {
    const sigmas = karras(steps, max, min);
    return Math.abs((await finish(solve(spec, ideal, x, sigmas)))[0] - exact(x, sigmas)[0]);
  });
  assert.ok(Math.abs(order - expected) < 0.25, `measured order ${order.toFixed(2)}`);
}

for (const name of names)
  describe(name, () => {
    const { ode, sde, counts = [32, 64, 128], denoise = ideal } = settings[name];
    const member = samplers[name];
    const spec = { type: name } as SamplerSpec;

    if (ode && evaluations(ode, 8) !== undefined) {
      test(`converges to the exact flow with order ${member.order}`, () => checkOrder(ode, member.order, counts));

      test("and on a mixture", () => checkOrderOnBumps(ode, member.order, settings[name].counts ?? [64, 128, 256]));

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
          return moments((x, noise) => solve(sde, denoise, x, sigmas, { noise }), start);
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
      for (const steps of [1, 2, 3, 5, 8]) {
        if (steps < leastSteps(spec)) continue;
        const expected = evaluations(spec, steps);
        if (expected === undefined) continue;
        const watched = counted(ideal);
        const sigmas = steps === 1 ? [max, 0] : [...karras(steps - 1, max, min), 0];
        await finish(solve(spec, watched, Float64Array.of(4), sigmas, { noise: silent }));
        assert.equal(watched.sigmas.length, expected, `${steps} steps`);
      }
    });

    test("is deterministic, and a batch's samples do not depend on each other", async () => {
      if (evaluations(spec, 5) === undefined) return;
      const sigmas = [...karras(4, max, min), 0];
      const run = (...x: number[]) =>
        finish(solve(spec, ideal, Float64Array.from(x), sigmas, { noise: () => new Float64Array(x.length) }));
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
        [x, [2, Number.POSITIVE_INFINITY, 0]],
        [x, [2, 1, -1]],
        [x, [2, 0, 0]],
        [Float64Array.of(), [2, 1, 0]],
        [Float64Array.of(Number.NaN), [2, 1, 0]],
      ];
      if (!member.infinite) bad.push([x, [Number.POSITIVE_INFINITY, 1, 0]]);
      for (const [start, sigmas] of bad)
        await assert.rejects(finish(solve(spec, ideal, start, sigmas, { noise: silent })), ConfigError);
    });

    test("refuses unknown options and values out of range", async () => {
      const run = (options: object) =>
        finish(solve({ ...spec, ...options }, ideal, Float64Array.of(1), [2, 1, 0], { noise: silent }));
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

for (const [spec, order, counts = [32, 64, 128]] of orders)
  test(`${JSON.stringify(spec)} converges with order ${order}`, () => checkOrder(spec, order, counts));

test("every sampler has a setting to test it with", () => assert.deepEqual(Object.keys(settings), names));

test("an unknown sampler is refused by name, with the nearest", () => {
  // @ts-expect-error: not a sampler
  assert.throws(() => solve({ type: "huen" }, ideal, Float64Array.of(1), [1, 0]), /Did you mean "heun"/);
});

test("a function stands in for a spec", async () => {
  const x = await finish(solve(samplers.euler.sample, ideal, Float64Array.of(4), [10, 1, 0]));
  assert.deepEqual(x, await finish(solve({ type: "euler" }, ideal, Float64Array.of(4), [10, 1, 0])));
});

test("solvers that choose their own steps meet their tolerance, and tighter ones cost more", async () => {
  const x = Float64Array.of(100, -20);
  const sigmas = [max, min];
  for (const type of ["rk45", "dpm-adaptive"] as const) {
    let last = 0;
    for (const tolerance of [1e-3, 1e-5, 1e-7]) {
      const watched = counted(ideal);
      const got = await finish(solve({ type, rtol: tolerance, atol: tolerance }, watched, x, sigmas));
      const error = Math.max(...exact(x, sigmas).map((e, i) => Math.abs(got[i] - e)));
      assert.ok(error < 30 * tolerance, `${type} at ${tolerance}: error ${error}`);
      assert.ok(watched.sigmas.length > last);
      last = watched.sigmas.length;
    }
  }
});

test("adaptive solvers say so when a denoiser is not finite", async () => {
  const broken = (x: Float64Array, sigma: number) => x.map(() => (sigma < 1 ? Number.NaN : 0));
  for (const type of ["rk45", "dpm-adaptive"] as const)
    await assert.rejects(finish(solve({ type }, broken, Float64Array.of(4), [10, 0.02])), RangeError);
});
