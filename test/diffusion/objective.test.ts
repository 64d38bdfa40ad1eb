import assert from "node:assert/strict";
import { test } from "node:test";
import {
  discreteSchedule,
  type ObjectiveSpec,
  objective,
  type TimestepSpec,
  type Weighting,
  type WeightingSpec,
  weighting,
} from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { stream } from "../../src/random/index.ts";

const cosine = { kind: "continuous", schedule: { type: "cosine", truncate: { min: -12, max: 12 } } } as const;
const table = { kind: "discrete", table: { type: "cosine", steps: 40 } } as const;
const eps = { type: "eps" } as const;
const simple = { multiplier: { type: "simple" } } as const;
const sigmoid = { weighting: { type: "sigmoid" } } as const;

const lawOf = (spec: ObjectiveSpec) => {
  const built = objective(spec);
  return { built, law: built.sampler.law(built.sampler.init()) };
};
const close = (a: number, b: number, rtol: number, what = "") =>
  assert.ok(Math.abs(a - b) <= rtol * Math.abs(b), `${what}: ${a} is not ${b}`);

const laws: readonly TimestepSpec[] = [
  { type: "uniform" },
  { type: "uniform", min: 0.1, max: 0.9 },
  { type: "bernoulli", p: 0.9, threshold: 0.4 },
  { type: "logit-normal" },
  { type: "uniform-steps", steps: 40 },
  { type: "bernoulli-steps", p: 0.2, steps: 40, significantSteps: 30 },
  { type: "loss-second-moment", steps: 40 },
  { type: "log-normal" },
  { type: "log-uniform", sigmaMin: 0.01, sigmaMax: 50 },
  { type: "vp-uniform" },
  { type: "bernoulli", p: 0.9, threshold: 0.4, over: { type: "log-normal" } },
  { type: "adaptive", logSnrMin: -10, logSnrMax: 10, bins: 20 },
];

/** ∫ w(λ)·error(λ) over what the objective reaches, by its cells or by the trapezoidal rule. */
function integral(spec: ObjectiveSpec, error: (logSnr: number) => number): number {
  const { built, law } = lawOf(spec);
  const w = built.effectiveWeighting(law);
  const { levels } = built.axis;
  if (levels) {
    // Each cell holds one timestep: its width times the density there is the timestep's probability.
    const value = (step: number) =>
      (w(levels[step]) * error(levels[step])) / (built.axis.scheduled?.(levels[step]) ?? 1);
    return Array.from(levels, (_, step) => value(step)).reduce((a, b) => a + b) / levels.length;
  }
  const [from, to, cells] = [-40, 40, 20_000];
  let sum = 0;
  for (let i = 0; i < cells; i++) {
    const logSnr = from + ((to - from) * (i + 0.5)) / cells;
    sum += w(logSnr) * error(logSnr);
  }
  return (sum * (to - from)) / cells;
}

test("training estimates the integral of the effective weighting, for every law on every schedule", () => {
  const error = (logSnr: number) => Math.exp(-((logSnr - 1) ** 2) / 8);
  const count = 10_000;
  for (const timesteps of laws)
    for (const schedule of [cosine, table, undefined])
      for (const loss of [simple, sigmoid])
        for (const importance of [true, false]) {
          const spec = { prediction: eps, timesteps, ...(schedule && { schedule }), loss, importance };
          const what = JSON.stringify(spec);
          let built: ReturnType<typeof lawOf>;
          try {
            built = lawOf(spec);
          } catch (error) {
            // Times and timesteps mean nothing without a schedule, and a multiplier no correction.
            assert.ok(error instanceof ConfigError && schedule === undefined, what);
            continue;
          }
          const { built: one, law } = built;
          let mean = 0;
          for (let i = 0; i < count; i++) {
            // Quantiles that crowd towards both ends, where corrections may be large.
            const s = (i + 0.5) / count;
            const drawn = one.draw(law, s ** 3 * (10 - 15 * s + 6 * s * s));
            mean += ((30 * (s * (1 - s)) ** 2) / count) * drawn.multiplier * error(drawn.logSnr);
          }
          close(mean, integral(spec, error), 4e-3, what);
        }
});

test("with a weighting the objective is that weighting, whatever law and schedule are", () => {
  for (const timesteps of laws) {
    const { built, law } = lawOf({ prediction: eps, timesteps, schedule: cosine, loss: sigmoid });
    const w = weighting({ type: "sigmoid" });
    for (const logSnr of [-6, -1, 0, 3]) {
      // On a table it is that of the nearest timestep, and where the law never looks nothing counts.
      if (built.axis.levels || built.axis.density(law, logSnr) === 0) continue;
      close(built.effectiveWeighting(law)(logSnr), w(logSnr), 1e-12, JSON.stringify(timesteps));
    }
  }
});

// Rows of Kingma & Gao (2023), Table 1, from the factors that the papers name.
const table1: readonly (readonly [WeightingSpec, Omit<ObjectiveSpec, "prediction">])[] = (() => {
  const along = (type: "cosine" | "flow") => ({ kind: "continuous", schedule: { type } }) as const;
  const uniform = { type: "uniform" } as const;
  return [
    [{ type: "iddpm-cosine" }, { schedule: along("cosine"), timesteps: uniform, loss: simple }],
    [
      { type: "v-cosine" },
      { schedule: along("cosine"), timesteps: uniform, loss: { multiplier: { type: "snr-plus-one" } } },
    ],
    [{ type: "flow-ot" }, { schedule: along("flow"), timesteps: uniform, loss: { multiplier: { type: "uniform-o" } } }],
    [{ type: "indi" }, { schedule: along("flow"), timesteps: uniform, loss: { multiplier: { type: "uniform-x" } } }],
    [{ type: "p2" }, { schedule: along("cosine"), timesteps: uniform, loss: { multiplier: { type: "p2" } } }],
    [{ type: "min-snr" }, { schedule: along("cosine"), timesteps: uniform, loss: { multiplier: { type: "min-snr" } } }],
    [{ type: "edm" }, { timesteps: { type: "log-normal" }, loss: { multiplier: { type: "edm" } } }],
    [{ type: "elbo" }, { timesteps: { type: "log-uniform", sigmaMin: 1e-5, sigmaMax: 1e5 }, loss: simple }],
  ];
})();

test("the published objectives have the weightings of Table 1, up to a constant", () => {
  for (const [published, factors] of table1) {
    const { built, law } = lawOf({ prediction: eps, ...factors });
    const [w, expected] = [built.effectiveWeighting(law), weighting(published)];
    const ratio = w(0) / expected(0);
    for (let logSnr = -12; logSnr <= 12; logSnr += 0.5)
      close(w(logSnr), ratio * expected(logSnr), 1e-9, `${published.type} at ${logSnr}`);
  }
});

test("Bernoulli sampling at p = t_δ/T is the uniform objective", () => {
  const on = (timesteps: TimestepSpec): Weighting => {
    const { built, law } = lawOf({ prediction: eps, schedule: table, timesteps, loss: simple });
    return built.effectiveWeighting(law);
  };
  const [biased, plain] = [on({ type: "bernoulli", p: 0.8, threshold: 0.8 }), on({ type: "uniform" })];
  for (const level of discreteSchedule(table.table).logSnr) close(biased(level), plain(level), 1e-9);
  // On a table, times and timesteps are one law.
  const [steps, times] = [
    on({ type: "bernoulli-steps", p: 0.6, steps: 40, significantSteps: 10 }),
    on({ type: "bernoulli", p: 0.6, threshold: 0.25 }),
  ];
  for (const level of discreteSchedule(table.table).logSnr) close(times(level), steps(level), 1e-9);
});

test("the network's weighted error is the multiplier times that in ε, for every prediction and path", () => {
  const draws = stream(3, "numbers");
  for (const type of ["x", "eps", "v", "o", "score", "energy", "F"] as const)
    for (const path of ["vp", "ve", "flow", "sub-vp", "ou"] as const) {
      const { built, law } = lawOf({
        prediction: { type, path },
        schedule: cosine,
        timesteps: { type: "uniform" },
        loss: sigmoid,
      });
      const drawn = built.draw(law, draws.uniform());
      const { inX, inNoise, targetX, targetNoise, weight } = built.coefficients(drawn);
      const [x, noise, output] = [draws.normal(), draws.normal(), draws.normal()];
      const { cSkip, cOut, cIn } = built.precondition(drawn.sigma);
      const noisy = x + drawn.sigma * noise;
      close(inX * x + inNoise * noise, cIn * noisy, 1e-9, `${type} on ${path}`);
      const found = (noisy - (cSkip * noisy + cOut * output)) / drawn.sigma;
      const asked = targetX * x + targetNoise * noise;
      close(weight * (output - asked) ** 2, drawn.multiplier * (noise - found) ** 2, 1e-7, `${type} on ${path}`);
    }
});

test("what a law learns from is the loss without its own correction", () => {
  const adaptive = lawOf({ prediction: eps, timesteps: { type: "adaptive", bins: 7 }, loss: sigmoid });
  const w = weighting({ type: "sigmoid" });
  for (const u of [0.1, 0.5, 0.77]) {
    const drawn = adaptive.built.draw(adaptive.law, u);
    close(drawn.multiplier * drawn.feedback, w(drawn.logSnr), 1e-12);
  }
  // With a schedule to be measured against, too.
  const measured = lawOf({ prediction: eps, schedule: cosine, timesteps: { type: "adaptive" }, loss: simple });
  const drawn = measured.built.draw(measured.law, 0.4);
  close(drawn.multiplier * drawn.feedback, measured.built.axis.scheduled?.(drawn.logSnr) ?? 0, 1e-12);

  const { built } = lawOf({
    prediction: eps,
    schedule: table,
    timesteps: { type: "loss-second-moment", steps: 40 },
    loss: { multiplier: { type: "p2" } },
  });
  const state = built.sampler.init();
  for (let i = 0; i < 10; i++)
    built.sampler.observe(
      state,
      Array.from({ length: 40 }, (_, t) => t),
      Array.from({ length: 40 }, (_, t) => 1 + t),
    );
  const law = built.sampler.law(state);
  for (const u of [0.01, 0.5, 0.9]) {
    const { step = 0, multiplier, correction, feedback, logSnr } = built.draw(law, u);
    close(multiplier * feedback, 1 / (1 + Math.exp(logSnr)), 1e-12);
    close(correction, 1 / (40 * law.density(step)), 1e-12);
  }
});

test("importance is on for weightings and for laws that learn, and off for published multipliers", () => {
  const corrections = (timesteps: TimestepSpec, loss: ObjectiveSpec["loss"], importance?: boolean) => {
    const spec = { prediction: eps, schedule: table, timesteps, loss, ...(importance !== undefined && { importance }) };
    const { built, law } = lawOf(spec);
    return [built.draw(law, 0.02).correction, built.warnings.length] as const;
  };
  const biased: TimestepSpec = { type: "bernoulli", p: 0.5, threshold: 0.1 };
  assert.deepEqual(corrections(biased, simple), [1, 0]);
  close(corrections(biased, simple, true)[0], 0.2, 1e-12);
  close(corrections(biased, sigmoid)[0], 0.2, 1e-12);
  assert.equal(corrections({ type: "loss-second-moment", steps: 40 }, simple)[1], 0);
  assert.equal(corrections({ type: "loss-second-moment", steps: 40 }, simple, false)[1], 1);
  assert.equal(corrections({ type: "bernoulli", p: 0.8, threshold: 0.8 }, simple)[1], 1);
});

test("zero terminal SNR is refused to predictions that have nothing to say there", () => {
  const schedule = { kind: "discrete", table: { type: "linear", steps: 50, zeroTerminalSnr: true } } as const;
  const on = (prediction: ObjectiveSpec["prediction"], loss: ObjectiveSpec["loss"] = simple) =>
    lawOf({ prediction, schedule, timesteps: { type: "uniform" }, loss });
  for (const prediction of [
    { type: "eps" },
    { type: "score" },
    { type: "energy" },
    { type: "edm" },
    { type: "vp" },
  ] as const)
    assert.throws(
      () => on(prediction),
      (error) => error instanceof ConfigError && /input is nothing but the noise/.test(error.message),
    );
  assert.throws(
    () => on({ type: "v" }, { multiplier: { type: "snr-plus-one" } }),
    (error) => error instanceof ConfigError && /prediction.label: is Infinity at timestep 49/.test(error.message),
  );
  const { built, law } = on({ type: "v", label: { type: "index" } }, { multiplier: { type: "snr-plus-one" } });
  const last = built.draw(law, 0.999);
  assert.deepEqual([last.step, last.sigma], [49, Infinity]);
  // v = αε − σx is −x of pure noise, and counts 1.
  const { inX, inNoise, cNoise, targetX, targetNoise, weight } = built.coefficients(last);
  assert.deepEqual([inX, inNoise, cNoise, targetX, targetNoise], [0, 1, 49, -1, 0]);
  close(weight, 1, 1e-9);
  assert.doesNotThrow(() => on({ type: "x", label: { type: "index" } }, { weighting: { type: "sigmoid" } }));
});

test("a label takes the objective's schedule, or says that it fits none", () => {
  const built = objective({
    prediction: { type: "eps", label: { type: "index" } },
    schedule: table,
    timesteps: { type: "uniform" },
    loss: simple,
  });
  const { sigmas } = discreteSchedule(table.table);
  close(built.precondition(sigmas[17]).cNoise, 17, 1e-9);
  const timed = objective({
    prediction: { type: "o", path: "flow", label: { type: "time", scale: 1000 } },
    schedule: { kind: "continuous", schedule: { type: "flow" } },
    timesteps: { type: "uniform" },
    loss: { multiplier: { type: "uniform-o" } },
  });
  close(timed.precondition(3).cNoise, 750, 1e-12);
});

test("what cannot be composed is the user's error", () => {
  const base = { prediction: eps, schedule: table, timesteps: { type: "uniform" }, loss: simple } as const;
  const bad: readonly [string, RegExp, ObjectiveSpec][] = [
    ["no schedule", /needs a schedule/, { prediction: eps, timesteps: { type: "uniform" }, loss: simple }],
    ["steps differ", /50 timesteps and the schedule 40/, { ...base, timesteps: { type: "uniform-steps", steps: 50 } }],
    [
      "no reference",
      /nothing to compare/,
      { prediction: eps, timesteps: { type: "log-normal" }, loss: simple, importance: true },
    ],
    ["label", /"time" needs/, { ...base, prediction: { type: "eps", label: { type: "time" } } }],
    ["label", /"index" needs/, { ...base, schedule: cosine, prediction: { type: "eps", label: { type: "index" } } }],
    ["variance", /discrete process/, { ...base, schedule: cosine, variance: { type: "learned-range" } }],
    ["variance", /learned-range/, { ...base, variance: { type: "fixed-small" as never } }],
    [
      "infinite",
      /would count/,
      {
        ...base,
        prediction: { type: "v", label: { type: "index" } },
        schedule: { kind: "discrete", table: { type: "linear", steps: 50, zeroTerminalSnr: true } },
        loss: { multiplier: { type: "inverse-snr" } },
      },
    ],
    ["noise", /perturbation/, { ...base, noise: { perturbation: -0.1 } }],
  ];
  for (const [what, message, spec] of bad)
    assert.throws(
      () => objective(spec),
      (error) => error instanceof ConfigError && message.test(error.message),
      what,
    );
});
