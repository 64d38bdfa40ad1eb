import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mixture } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { phis } from "../../src/sampling/exponential.ts";
import {
  counted,
  type Denoise,
  deisUpdates,
  dpmpp2m,
  dpmSolver,
  dpmSolverAdaptive,
  finish,
  heun,
  plms,
  pndm,
  rhoRungeKutta,
  unipc,
} from "../../src/sampling/index.ts";
import { integrate } from "../../src/sampling/quadrature.ts";
import { close } from "./close.ts";
import { exact, ideal, karras } from "./gaussian.ts";

const x = Float64Array.of(7, -4, 2, 5);
const sigmas = karras(12, 10, 0.02);
const { denoise: bent } = mixture({
  weights: [0.3, 0.7],
  means: [
    [-1, 0.5],
    [0.8, -0.4],
  ],
  stds: [0.3, 0.45],
});
const refused = (run: AsyncGenerator<unknown>, reason: RegExp) =>
  assert.rejects(
    async () => {
      for await (const _ of run);
    },
    (error: unknown) => error instanceof ConfigError && reason.test(error.message),
  );

describe("exponential integrators", () => {
  test("hφ_k are accurate on both sides of the switch to the series, and near 0", () => {
    for (const h of [-3, -0.5000001, -0.4999999, -1e-4, 1e-9, 0.4999999, 0.5000001, 3]) {
      for (let k = 1; k <= 4; k++) {
        // hφ_k(h) = ∫₀¹ h e^{(1−s)h} s^{k−1}/(k−1)! ds
        const factorial = [1, 1, 2, 6][k - 1];
        const integral = integrate((s) => (h * Math.exp((1 - s) * h) * s ** (k - 1)) / factorial, 0, 1);
        assert.ok(Math.abs(phis(h, 4)[k - 1] / integral - 1) < 1e-11, `hφ_${k}(${h})`);
      }
    }
  });

  test("a constant prediction is integrated exactly, whatever the order", async () => {
    const constant: Denoise = (y) => new Float64Array(y.length).fill(0.3); // D constant: exact for "data"
    const whiteNoise: Denoise = (y, sigma) => y.map((v) => v - 0.7 * sigma); // ε̂ constant: exact for "noise"
    const ratio = sigmas[12] / sigmas[0];
    const flow = x.map((v) => 0.3 + ratio * (v - 0.3));
    const shift = x.map((v) => v + 0.7 * (sigmas[12] - sigmas[0]));
    for (const order of [1, 2, 3]) {
      for (const method of ["multistep", "singlestep", "singlestep-fixed"] as const) {
        close(await finish(dpmSolver(constant, x, sigmas, { order, method })), flow, 1e-12);
        close(await finish(dpmSolver(whiteNoise, x, sigmas, { order, method, predicts: "noise" })), shift, 1e-12);
      }
      close(await finish(unipc(constant, x, sigmas, { order })), flow, 1e-12);
      close(await finish(unipc(whiteNoise, x, sigmas, { order, predicts: "noise", variant: "bh1" })), shift, 1e-12);
    }
  });

  test("order 2, multistep, is DPM-Solver++(2M)", async () => {
    const long = karras(20, 10, 0.02);
    close(await finish(dpmSolver(bent, x, long)), await finish(dpmpp2m(bent, x, long)), 1e-12);
  });

  test("a final 0 is the denoiser's answer at the last level", async () => {
    for (const solver of [dpmSolver, unipc, dpmSolverAdaptive]) {
      const watched = counted(bent);
      const out = await finish(solver(watched, x, [...sigmas, 0]));
      assert.equal(watched.sigmas[watched.sigmas.length - 1], sigmas[12]);
      assert.ok(out.every(Number.isFinite));
    }
  });

  test("too few steps for the order, or a number it does not divide, is refused", async () => {
    await refused(dpmSolver(bent, x, [5, 1], { order: 2 }), /too few steps for order 2: 1 \(at least 2\)/);
    await refused(unipc(bent, x, [5, 1, 0.1], { order: 3 }), /too few steps/);
    await refused(dpmSolver(bent, x, karras(7, 10, 1), { method: "singlestep-fixed" }), /multiple of order 2/);
  });
});

describe("adaptive DPM-Solver", () => {
  const ends = [80, 0.02];

  test("the error follows the tolerance", async () => {
    for (const order of [2, 3])
      for (const predicts of ["data", "noise"] as const) {
        const error = async (rtol: number) => {
          const out = await finish(dpmSolverAdaptive(ideal, x, ends, { rtol, atol: rtol / 10, order, predicts }));
          return Math.abs(out[0] - exact(x, ends)[0]);
        };
        const [loose, tight] = [await error(1e-2), await error(1e-5)];
        assert.ok(tight < 1e-4 && tight < loose / 5, `${loose}, ${tight}`);
      }
  });

  test("rejected steps keep their first evaluation, unless told otherwise, and change nothing", async () => {
    const run = async (reuse: boolean) => {
      const watched = counted(bent);
      let rejected = 0;
      let last: Float64Array = x;
      for await (const step of dpmSolverAdaptive(watched, x, ends, { rtol: 1e-3, atol: 1e-4, reuse })) {
        rejected += step.rejected;
        last = step.x;
      }
      return { rejected, last, evaluations: watched.sigmas.length };
    };
    const [kept, again] = [await run(true), await run(false)];
    assert.deepEqual(kept.last, again.last);
    assert.ok(kept.rejected > 0);
    assert.equal(again.evaluations - kept.evaluations, kept.rejected);
  });

  test("the worst sample decides, so a copy of it changes nothing", async () => {
    const one = await finish(dpmSolverAdaptive(bent, x.slice(0, 2), ends, { rtol: 1e-3 }));
    const twice = Float64Array.of(...x.slice(0, 2), ...x.slice(0, 2));
    const two = await finish(dpmSolverAdaptive(bent, twice, ends, { rtol: 1e-3, batch: 2 }));
    assert.deepEqual([...two], [...one, ...one]);
  });

  test("what cannot work is refused", async () => {
    await refused(dpmSolverAdaptive(bent, x, ends, { rtol: 0, atol: 0 }), /both 0/);
    await refused(dpmSolverAdaptive(bent, x, ends, { batch: 3 }), /does not divide/);
    const broken: Denoise = (y) => y.map(() => Number.NaN);
    await assert.rejects(finish(dpmSolverAdaptive(broken, x, ends)), RangeError);
  });
});

describe("DEIS", () => {
  test("coefficients sum to the step, and integrate polynomials of their variable exactly", () => {
    for (const variable of ["rho", "log-rho", "time"] as const)
      for (const [i, { scale, weights }] of deisUpdates(sigmas, { order: 3, variable }).entries()) {
        assert.equal(scale, 1);
        assert.equal(weights.length, Math.min(i, 3) + 1);
        close([weights.reduce((a, b) => a + b)], [sigmas[i + 1] - sigmas[i]], 1e-11);
      }
    for (const [i, { weights }] of deisUpdates(sigmas, { order: 2 }).entries()) {
      if (i < 2) continue;
      for (const power of [1, 2]) {
        const integral = (sigmas[i + 1] ** (power + 1) - sigmas[i] ** (power + 1)) / (power + 1);
        const sum = weights.reduce((total, w, j) => total + w * sigmas[i - j] ** power, 0);
        close([sum], [integral], 1e-10);
      }
    }
  });

  test("on equal steps in ρ, its coefficients are those of Adams and Bashforth", () => {
    const equal = [5, 4, 3, 2, 1];
    const [, , , last] = deisUpdates(equal, { order: 3 });
    close(
      last.weights,
      [55, -59, 37, -9].map((w) => -w / 24),
      1e-12,
    );
  });

  test("ρRK with two stages is Heun's method", async () => {
    const other = await finish(rhoRungeKutta(bent, x, [...sigmas, 0], { tableau: "2heun" }));
    close(other, await finish(heun(bent, x, [...sigmas, 0])), 1e-12);
  });
});

describe("PNDM", () => {
  test("levels that are told are used for the middle of the first three steps", async () => {
    const watched = counted(bent);
    await finish(pndm(watched, x, [10, 8, 6, 4, 2, 0], { middles: [9.5, 7.5, 5.5] }));
    assert.deepEqual(watched.sigmas, [10, 9.5, 9.5, 8, 8, 7.5, 7.5, 6, 6, 5.5, 5.5, 4, 4, 2]);
  });

  test("starts that would evaluate at 0, and order 3, are refused", async () => {
    await refused(pndm(bent, x, [10, 5, 1, 0]), /too few noise levels: 4 \(order 4 needs 4 above 0\)/);
    await refused(pndm(bent, x, [10, 0], { order: 2 }), /too few/);
    await refused(pndm(bent, x, sigmas, { order: 3 }), /must be 4/);
    assert.equal((await finish(plms(bent, x, [10, 5, 1, 0]))).length, 4);
  });
});
