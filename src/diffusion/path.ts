/**
 * Forward processes over time: z_t = α(t) x + σ(t) ε, the marginals of dz = f z dt + g dw (Song et al. 2021). A path is a
 * kernel, which says how α and σ belong together, run along a noise schedule, which says when.
 */
import { unknownName } from "../errors/index.ts";
import { interval, positive } from "./admissible.ts";
import { type BetaRange, risingBeta } from "./beta.ts";
import { alphaOf, logAlphaSlope, type PathType, pathNames } from "./kernel.ts";
import { type NoiseScheduleSpec, noiseSchedule } from "./log-snr.ts";
import type { NoiseSchedule } from "./schedule.ts";

/** A forward process on t ∈ [0, 1]: t = 0 is clean, t = 1 is noise. */
export interface Path {
  readonly type: PathType;
  readonly alpha: (t: number) => number;
  readonly sigma: (t: number) => number;
  /** λ(t) = ln(α²/σ²). */
  readonly logSnr: (t: number) => number;
  /** t(λ), in [0, 1]. */
  readonly time: (logSnr: number) => number;
  /** f(t), the rate of decay: the drift is f(t) z. */
  readonly drift: (t: number) => number;
  /** g(t), the rate of noise. Always g² = −σ² dλ/dt. */
  readonly diffusion: (t: number) => number;
  /** One step of the forward chain of `steps` steps, the one that t falls into. */
  readonly step: (t: number, steps: number) => ForwardStep;
  /** The standard deviation of the Gaussian that sampling starts from, 1 or that of the last noise level. */
  readonly priorStd: number;
}

/** z ← z + drift·z + diffusion·ε */
export interface ForwardStep {
  /** Which of the chain's steps it is, from 0, if the chain has a table of its own. */
  readonly index?: number;
  readonly drift: number;
  readonly diffusion: number;
}

/** A path by name and constants, or its kernel run along any noise schedule. */
export type PathSpec = {
  readonly [P in PathType]: { readonly type: P } & (
    | PathOptions[P]
    | { readonly schedule: NoiseScheduleSpec | NoiseSchedule }
  );
}[PathType];

interface PathOptions {
  /** Song's VP: f = −β/2, g = √β. */
  vp: BetaRange;
  /** Song's sub-VP: the α of VP with σ = 1 − α², its variance everywhere below VP's. */
  "sub-vp": BetaRange;
  /** Song's VE: σ geometric from `sigmaMin` to `sigmaMax`. The defaults are for data in [−1, 1]. */
  ve: { readonly sigmaMin?: number; readonly sigmaMax?: number };
  /** α = 1 − t, σ = t. f and g are infinite at t = 1. */
  flow: Record<never, never>;
  /** Ornstein–Uhlenbeck, dz = −z dt + √2 dw until time `horizon`, which is t = 1: VP with the constant β = 2 · horizon. */
  ou: { readonly horizon?: number };
}

type Formulas = Omit<Path, "type">;

const closed: { readonly [P in PathType]: (options: PathOptions[P]) => Formulas } = {
  vp: (options) => {
    const { integral, beta } = risingBeta("path vp", options);
    return {
      ...decaying(integral),
      ...along({ ...options, type: "linear" }),
      drift: (t) => -0.5 * beta(t),
      diffusion: (t) => Math.sqrt(beta(t)),
      step: (t, steps) => {
        // The chain's own β_i: N equally spaced values from β(0)/N to β(1)/N.
        const index = Math.floor(t * (steps - 1));
        const b = beta(steps > 1 ? index / (steps - 1) : 0) / steps;
        return { index, drift: Math.expm1(0.5 * Math.log1p(-b)), diffusion: Math.sqrt(b) };
      },
      priorStd: 1,
    };
  },
  "sub-vp": (options) => {
    const { integral, beta } = risingBeta("path sub-vp", options);
    const drift = (t: number) => -0.5 * beta(t);
    const diffusion = (t: number) => Math.sqrt(-beta(t) * Math.expm1(-2 * integral(t)));
    return {
      alpha: (t) => Math.exp(-0.5 * integral(t)),
      sigma: (t) => -Math.expm1(-integral(t)),
      ...along({ ...options, type: "sub-vp" }),
      drift,
      diffusion,
      step: eulerStep(drift, diffusion),
      priorStd: 1,
    };
  },
  ve: ({ sigmaMin = 0.02, sigmaMax = 100 }) => {
    positive("path ve: sigmaMin", sigmaMin);
    interval("path ve: sigmaMin, sigmaMax", sigmaMin, sigmaMax);
    const rate = Math.log(sigmaMax / sigmaMin);
    const sigma = (t: number) => sigmaMin * Math.exp(rate * t);
    return {
      alpha: () => 1,
      sigma,
      ...along({ type: "ve", sigmaMin, sigmaMax }),
      drift: () => 0,
      diffusion: (t) => sigma(t) * Math.sqrt(2 * rate),
      step: (t, steps) => {
        // From one of N geometric levels to the next; the first step starts from no noise at all.
        const index = Math.floor(t * (steps - 1));
        const ratio = steps > 1 ? Math.exp(-rate / (steps - 1)) : 0;
        const level = sigma(steps > 1 ? index / (steps - 1) : 0);
        return { index, drift: 0, diffusion: level * Math.sqrt(index === 0 ? 1 : 1 - ratio ** 2) };
      },
      priorStd: sigmaMax,
    };
  },
  flow: () => {
    const drift = (t: number) => -1 / (1 - t);
    const diffusion = (t: number) => Math.sqrt((2 * t) / (1 - t));
    return {
      alpha: (t) => 1 - t,
      sigma: (t) => t,
      ...along({ type: "flow" }),
      drift,
      diffusion,
      step: eulerStep(drift, diffusion),
      priorStd: 1,
    };
  },
  ou: ({ horizon = 5 }) => {
    positive("path ou: horizon", horizon);
    const [drift, diffusion] = [() => -horizon, () => Math.sqrt(2 * horizon)];
    return {
      ...decaying((t) => 2 * horizon * t),
      ...along({ type: "ou", horizon }),
      drift,
      diffusion,
      step: eulerStep(drift, diffusion),
      priorStd: 1,
    };
  },
};

/** λ(t) and its inverse, of the schedule that a path follows by itself. */
function along(spec: NoiseScheduleSpec): Pick<Path, "logSnr" | "time"> {
  const { logSnr, time } = noiseSchedule(spec);
  return { logSnr, time };
}

/** The path of a spec. */
export function path(spec: PathSpec): Path {
  if (!Object.hasOwn(closed, spec.type)) throw unknownName("path: type", spec.type, pathNames);
  return "schedule" in spec ? scheduled(spec.type, noiseSchedule(spec.schedule)) : closedPath(spec.type, spec);
}

function closedPath<P extends PathType>(type: P, options: PathOptions[P]): Path {
  return { type, ...closed[type](options) };
}

/** A kernel run along a schedule: f = (d ln α/dλ) λ′ and g² = −σ² λ′, with λ′ = −1/p(λ). For t strictly inside (0, 1). */
function scheduled(type: PathType, schedule: NoiseSchedule): Path {
  const tilde = (t: number) => Math.exp(-schedule.logSnr(t) / 2);
  const alpha = (t: number) => alphaOf(type, tilde(t));
  const sigma = (t: number) => (schedule.logSnr(t) === Number.NEGATIVE_INFINITY ? 1 : tilde(t) * alpha(t));
  const slope = (t: number) => -1 / schedule.density(schedule.logSnr(t));
  const drift = (t: number) => logAlphaSlope(type, tilde(t)) * slope(t);
  const diffusion = (t: number) => sigma(t) * Math.sqrt(-slope(t));
  return {
    type,
    alpha,
    sigma,
    logSnr: schedule.logSnr,
    time: schedule.time,
    drift,
    diffusion,
    step: eulerStep(drift, diffusion),
    priorStd: type === "ve" ? tilde(1) : 1,
  };
}

/** α = e^{−B/2}, σ² = 1 − e^{−B} */
function decaying(integral: (t: number) => number): Pick<Path, "alpha" | "sigma"> {
  return {
    alpha: (t) => Math.exp(-0.5 * integral(t)),
    sigma: (t) => Math.sqrt(-Math.expm1(-integral(t))),
  };
}

/** The Euler–Maruyama step of length 1/N. */
function eulerStep(drift: (t: number) => number, diffusion: (t: number) => number): Path["step"] {
  return (t, steps) => ({ drift: drift(t) / steps, diffusion: diffusion(t) / Math.sqrt(steps) });
}
