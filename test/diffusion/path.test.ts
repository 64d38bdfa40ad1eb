import assert from "node:assert/strict";
import { test } from "node:test";
import {
  alphaOf,
  discreteOu,
  logAlphaSlope,
  type Path,
  type PathSpec,
  path,
  pathNames,
} from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";

const closed: readonly PathSpec[] = pathNames.map((type) => ({ type }) as PathSpec);
/** Each closed path once more, from its kernel and its schedule. */
const composed: readonly PathSpec[] = [
  { type: "vp", schedule: { type: "linear" } },
  { type: "sub-vp", schedule: { type: "sub-vp" } },
  { type: "ve", schedule: { type: "ve" } },
  { type: "flow", schedule: { type: "flow" } },
  { type: "ou", schedule: { type: "ou" } },
];
const others: readonly PathSpec[] = [
  { type: "vp", schedule: { type: "cosine", truncate: { min: -20, max: 20 } } },
  { type: "flow", schedule: { type: "edm-training" } },
  { type: "sub-vp", schedule: { type: "vdm" } },
];
const times = [0.01, 0.2, 0.5, 0.77, 0.99];

test("drift and diffusion are those of the marginals: f = α′/α, g² = (σ²)′ − 2fσ² = −σ² λ′", () => {
  for (const spec of [...closed, ...composed, ...others]) {
    const p = path(spec);
    for (const t of times) {
      const derivative = (of: (t: number) => number) => (of(t + 1e-6) - of(t - 1e-6)) / 2e-6;
      const f = derivative((s) => Math.log(p.alpha(s)));
      const g2 = derivative((s) => p.sigma(s) ** 2) - 2 * f * p.sigma(t) ** 2;
      near(p.drift(t), f, 1e-5, `${JSON.stringify(spec)}: f(${t})`);
      near(p.diffusion(t) ** 2, g2, 1e-5, `${JSON.stringify(spec)}: g²(${t})`);
      near(p.diffusion(t) ** 2, -(p.sigma(t) ** 2) * derivative((s) => p.logSnr(s)), 1e-5, "−σ² λ′");
    }
  }
});

test("a path is its kernel run along its schedule", () => {
  for (const [i, spec] of composed.entries()) {
    const [a, b] = [path(closed[i]), path(spec)];
    for (const t of times)
      for (const name of ["alpha", "sigma", "logSnr", "drift", "diffusion"] as const)
        near(b[name](t), a[name](t), 1e-9, `${spec.type}: ${name}(${t})`);
    near(b.priorStd, a.priorStd, 1e-12, "priorStd");
  }
});

test("λ(t) is ln(α²/σ²), t(λ) its inverse, and α(σ̃) that of the kernel", () => {
  for (const spec of [...closed, ...others]) {
    const p = path(spec);
    for (const t of times) {
      near(p.logSnr(t), 2 * Math.log(p.alpha(t) / p.sigma(t)), 1e-9, spec.type);
      near(p.time(p.logSnr(t)), t, 1e-9, spec.type);
      near(alphaOf(spec.type, p.sigma(t) / p.alpha(t)), p.alpha(t), 1e-9, spec.type);
    }
  }
});

test("the slope of ln α is its derivative with respect to λ", () => {
  for (const type of pathNames)
    for (const logSnr of [-9, -1, 0, 3, 8]) {
      const lnAlpha = (l: number) => Math.log(alphaOf(type, Math.exp(-l / 2)));
      const slope = (lnAlpha(logSnr + 1e-5) - lnAlpha(logSnr - 1e-5)) / 2e-5;
      assert.ok(Math.abs(logAlphaSlope(type, Math.exp(-logSnr / 2)) - slope) < 1e-9, type);
    }
});

test("chains of many steps have the marginals of the process", () => {
  for (const type of ["vp", "sub-vp", "ve", "ou"] as const) {
    const p: Path = path({ type } as PathSpec);
    const steps = 20_000;
    let [alpha, variance] = [1, p.sigma(0) ** 2];
    // VE's table starts from no noise, so its first step makes σ_min.
    if (type === "ve") variance = 0;
    for (let i = 0; i < steps; i++) {
      const { drift, diffusion } = p.step(i / steps, steps);
      alpha *= 1 + drift;
      variance = (1 + drift) ** 2 * variance + diffusion ** 2;
    }
    near(alpha, p.alpha(1), 0.01, `${type}: α`);
    near(Math.sqrt(variance), p.sigma(1), 0.01, `${type}: σ`);
  }
});

test("the discretised OU process is exact, and its stationary variance is not 1", () => {
  const gamma = 0.2;
  const chain = discreteOu(gamma);
  let [alpha, variance] = [1, 0];
  for (let k = 1; k <= 40; k++) {
    alpha *= 1 - gamma;
    variance = (1 - gamma) ** 2 * variance + 2 * gamma;
    near(chain.alpha(k), alpha, 1e-13, "α");
    near(chain.variance(k), variance, 1e-13, "variance");
  }
  near(chain.variance(1000), chain.stationaryVariance, 1e-13, "stationary");
  near(chain.stationaryVariance, 1 / 0.9, 1e-15, "1/(1 − γ/2)");
  for (const bad of [0, 1, -0.1, Number.NaN]) assert.throws(() => discreteOu(bad), ConfigError);
});

test("unknown names and impossible constants are refused", () => {
  const bad = [
    { type: "vpp" },
    { type: "vp", betaMin: -0.1 },
    { type: "ve", sigmaMin: 2, sigmaMax: 1 },
    { type: "ou", horizon: -1 },
    { type: "vp", schedule: { type: "cosin" } },
  ] as PathSpec[];
  for (const spec of bad) assert.throws(() => path(spec), ConfigError, JSON.stringify(spec));
});

function near(actual: number, expected: number, tolerance: number, what: string): void {
  const scale = Math.max(Math.abs(expected), 1e-9);
  assert.ok(Math.abs(actual - expected) <= tolerance * scale, `${what}: ${actual} ≠ ${expected}`);
}
