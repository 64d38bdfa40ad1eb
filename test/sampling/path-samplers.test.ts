import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gaussian, type Path, path } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { stream } from "../../src/random/index.ts";
import {
  counted,
  type Denoise,
  estimate,
  finish,
  type PathSamplerName,
  type PathSamplerSpec,
  pathSamplers,
  solvePath,
} from "../../src/sampling/index.ts";
import { data, flow, ideal, measuredOrder, moments } from "./gaussian.ts";

const paths: readonly Path[] = [
  path({ type: "vp" }),
  path({ type: "sub-vp" }),
  path({ type: "ve", sigmaMin: 0.01, sigmaMax: 50 }),
  path({ type: "ou", horizon: 4 }),
];

/** Each sampler without noise and with it. */
const settings: {
  readonly [K in PathSamplerName]: { readonly ode?: PathSamplerSpec; readonly sde?: readonly PathSamplerSpec[] };
} = {
  "predictor-corrector": {
    sde: [
      { type: "predictor-corrector" },
      { type: "predictor-corrector", predictor: "euler-maruyama", corrector: "ald", snr: 0.05 },
      { type: "predictor-corrector", corrector: "none" },
    ],
  },
  "euler-maruyama": {
    ode: { type: "euler-maruyama", eta: 0 },
    sde: [{ type: "euler-maruyama" }, { type: "euler-maruyama", eta: 0.5 }],
  },
  rk45: { ode: { type: "rk45", rtol: 1e-8, atol: 1e-8 } },
};

/** The exact probability flow of Gaussian data from t = 1 to another time. */
function exact(z: Float64Array, { alpha, sigma }: Path, to: number): Float64Array {
  const start = z.map((v) => v / alpha(1));
  return flow(start, sigma(1) / alpha(1), sigma(to) / alpha(to)).map((v) => v * alpha(to));
}

test("the score of Gaussian data is that of z ~ N(αμ, α²s² + σ²)", async () => {
  const z = Float64Array.of(-1, 0.2, 3);
  for (const p of paths)
    for (const t of [0.01, 0.4, 1]) {
      const { score } = await estimate(ideal, p, z, t);
      const [a, s] = [p.alpha(t), p.sigma(t)];
      for (const [i, v] of z.entries()) {
        const expected = (a * data.mean - v) / ((a * data.std) ** 2 + s ** 2);
        assert.ok(Math.abs(score[i] - expected) < 1e-8 * (1 + Math.abs(expected)), `${p.type} at ${t}`);
      }
    }
});

for (const p of paths)
  describe(`path ${p.type}`, () => {
    test("Euler's method has order 1", async () => {
      const z = Float64Array.of(0.7 * p.priorStd);
      const end = 0.01;
      const order = await measuredOrder([200, 400, 800], async (steps) => {
        const got = await finish(solvePath({ type: "euler-maruyama", eta: 0, steps, end }, ideal, z, p));
        return Math.abs(got[0] - exact(z, p, end)[0]);
      });
      assert.ok(Math.abs(order - 1) < 0.2, `measured order ${order}`);
    });

    test("rk45 follows the exact flow, and yields the denoiser's own estimates", async () => {
      const z = Float64Array.of(0.7 * p.priorStd, -2 * p.priorStd);
      let [t, now]: [number, Float64Array] = [1, z];
      for await (const step of solvePath({ type: "rk45", rtol: 1e-9, atol: 1e-9 }, ideal, z, p)) {
        const denoised = await ideal(
          now.map((v) => v / p.alpha(t)),
          p.sigma(t) / p.alpha(t),
        );
        for (const [i, d] of denoised.entries())
          assert.ok(Math.abs(step.denoised[i] - d) < 1e-6 * (1 + Math.abs(d) / p.alpha(t)));
        [t, now] = [step.t, step.x];
      }
      assert.equal(t, 1e-3);
      for (const [i, e] of exact(z, p, t).entries()) assert.ok(Math.abs(now[i] - e) < 1e-6);
    });

    test("the reverse SDE and its relatives have the law of the data", async () => {
      const start = { mean: 0, std: p.priorStd };
      // From the prior of VP and OU at t = 1 about e^{−5} of the mean is missing; VE's prior adds a variance of s²/σ_max².
      for (const eta of [1, 0.5]) {
        const spec = { type: "euler-maruyama", eta, steps: 600 } as const;
        const got = await moments((z, noise) => solvePath(spec, ideal, z, p, { noise }), start);
        assert.ok(Math.abs(got.mean - data.mean) < 0.03, `mean ${got.mean}`);
        assert.ok(Math.abs(got.std - data.std) < 0.03, `standard deviation ${got.std}`);
      }
    });
  });

describe("predictor-corrector", () => {
  const rows = 10_000;

  for (const spec of settings["predictor-corrector"].sde ?? [])
    for (const p of paths.slice(0, 3))
      test(`${JSON.stringify(spec)} on ${p.type} has the law of the data`, async () => {
        const own = stream(1, "predictor-corrector");
        const noise = () => own.fillNormal(new Float64Array(rows));
        const z = noise().map((v) => v * p.priorStd);
        const x = await finish(
          solvePath({ ...spec, steps: 200 } as PathSamplerSpec, ideal, z, p, { noise, samples: rows }),
        );
        const mean = x.reduce((a, b) => a + b, 0) / rows;
        const std = Math.sqrt(x.reduce((a, b) => a + (b - mean) ** 2, 0) / rows);
        assert.ok(Math.abs(mean - data.mean) < 0.05, `mean ${mean}`);
        assert.ok(Math.abs(std - data.std) < 0.06, `standard deviation ${std}`);
      });

  test("corrects before it predicts, at falling times, one draw for each", async () => {
    let draws = 0;
    const noise = () => Float64Array.of(draws++ % 2 ? 1 : -1, 0.5);
    const watched = counted(ideal);
    const spec = { type: "predictor-corrector", steps: 30, correctorSteps: 2 } as const;
    const times: number[] = [];
    for await (const { t } of solvePath(spec, watched, Float64Array.of(1, -1), paths[0], { noise, samples: 2 }))
      times.push(t);
    assert.equal(watched.sigmas.length, 90);
    assert.equal(
      pathSamplers["predictor-corrector"].evaluations(30, {
        ...spec,
        predictor: "ancestral",
        corrector: "ald",
        snr: 1,
        end: 0,
        last: "mean",
      }),
      90,
    );
    assert.equal(draws, 89); // the last step leaves out its noise
    for (let i = 0; i < 90; i += 3) assert.equal(watched.sigmas[i], watched.sigmas[i + 2]);
    for (const [i, t] of times.entries()) assert.ok(i === 0 || t < times[i - 1]);
  });

  test("refuses what it cannot do", async () => {
    const noise = () => Float64Array.of(1, 1);
    const run = (options: object, p = paths[0], handed: object = { noise, samples: 2 }) =>
      finish(solvePath({ type: "predictor-corrector", ...options }, ideal, Float64Array.of(1, 1), p, handed));
    await assert.rejects(run({ steps: 10 }), /too few steps/);
    await assert.rejects(run({ predictor: "none", corrector: "none" }), ConfigError);
    await assert.rejects(run({ predictor: "ancestral" }, paths[1]), /has no chain/);
    await assert.rejects(run({ predictor: "huen" }), ConfigError);
    await assert.rejects(run({}, paths[0], { noise }), /samples/);
    await assert.rejects(run({}, paths[0], { noise, samples: 3 }), /samples/);
    await assert.rejects(run({}, paths[0], { samples: 2 }), /noise is missing/);
  });
});

test("on the Ornstein–Uhlenbeck path, unit Gaussian data only shift", () => {
  // X_t = X_0 − m (1 − e^{−t}): the flow of N(m, 1).
  const m = 0.7;
  const ou = path({ type: "ou", horizon: 1.3 });
  const x = Float64Array.of(-2, 0.1, 4);
  const tilde = ou.sigma(1) / ou.alpha(1);
  const moved = gaussian({ mean: m, std: 1 }).flow(x, 0, tilde);
  for (const [i, v] of x.entries())
    assert.ok(Math.abs(moved[i] * ou.alpha(1) - (v - m * (1 - Math.exp(-1.3)))) < 1e-12);
});

describe("all path samplers", () => {
  const names = Object.keys(pathSamplers) as PathSamplerName[];
  const z = Float64Array.of(1, -1);

  test("every one has a setting to test it with", () => assert.deepEqual(Object.keys(settings), names));

  for (const name of names) {
    const { ode, sde } = settings[name];
    test(`${name} reads its start only, and refuses starts that are not finite`, async () => {
      const spec = ode ?? sde?.[0] ?? { type: name };
      const handed = { noise: () => Float64Array.of(1, 1), samples: 2 };
      const seen: [Float64Array, Float64Array][] = [[z, z.slice()]];
      const short = name === "rk45" ? {} : { steps: 50 };
      for await (const { x } of solvePath({ ...spec, ...short } as PathSamplerSpec, ideal, z, paths[0], handed))
        seen.push([x, x.slice()]);
      for (const [array, copy] of seen) assert.deepEqual(array, copy);
      await assert.rejects(finish(solvePath(spec, ideal, Float64Array.of(Number.NaN), paths[0], handed)), ConfigError);
      await assert.rejects(finish(solvePath(spec, ideal, Float64Array.of(), paths[0], handed)), ConfigError);
    });
    if (sde)
      test(`${name} refuses to add noise without a source`, () =>
        assert.rejects(finish(solvePath(sde[0], ideal, z, paths[0], { samples: 2 })), ConfigError));
  }

  test("an unknown one is refused by name, and a function stands in for a spec", async () => {
    // @ts-expect-error: not a sampler
    assert.throws(() => solvePath({ type: "rk54" }, ideal, z, paths[0]), /Did you mean "rk45"/);
    const zero: Denoise = (x) => new Float64Array(x.length);
    const got = await finish(solvePath(pathSamplers.rk45.sample, zero, z, paths[0]));
    assert.ok(got.every((v) => Math.abs(v) < 0.1));
  });
});
