/** Predictor–corrector sampling (Song et al. 2021, Algorithms 1–5). */
import type { Path } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { combine } from "./combine.ts";
import type { Denoise } from "./denoise.ts";
import { checkSamples } from "./ladder.ts";
import { kick, needNoise } from "./noise.ts";
import { type Given, type OptionTable, type Resolved, resolve } from "./options.ts";
import { type PathHanded, type PathStep, pathOptions } from "./path-sampler.ts";
import { type Estimate, estimate } from "./probability-flow.ts";

export const predictorCorrectorOptions = {
  ...pathOptions,
  predictor: {
    type: "choice",
    default: "reverse-diffusion",
    choices: ["reverse-diffusion", "ancestral", "euler-maruyama", "none"],
    about: "how to step from one time to the next",
  },
  corrector: {
    type: "choice",
    default: "langevin",
    choices: ["langevin", "ald", "none"],
    about: "how to move within one time: Langevin steps sized by the score, or by the noise level (ald)",
  },
  snr: { type: "number", default: 0.16, min: 0, about: "size of corrector steps, relative to the noise" },
  correctorSteps: { type: "integer", default: 1, min: 1, about: "corrector steps at each time" },
} as const satisfies OptionTable;

export type PredictorCorrectorOptions = Given<typeof predictorCorrectorOptions> & PathHanded;

/** A predictor's step as factors: the mean is `x` z + `score` ∇ ln p, and `noise` the standard deviation added to it. */
interface Prediction {
  readonly x: number;
  readonly score: number;
  readonly noise: number;
}

type Predictor = (path: Path, t: number, steps: number) => Prediction;
type Options = Resolved<typeof predictorCorrectorOptions>;

const predictors: { readonly [K in Exclude<Options["predictor"], "none">]: Predictor } = {
  /** The forward chain's own step, reversed. */
  "reverse-diffusion": (path, t, steps) => {
    const { drift, diffusion } = chainStep(path, t, steps);
    return { x: 1 - drift, score: diffusion ** 2, noise: diffusion };
  },
  /** The posterior of the forward chain: of DDPM for VP, of NCSN for VE. */
  ancestral: (path, t, steps) => {
    const { index, drift, diffusion } = chainStep(path, t, steps);
    if (index === undefined || (path.type !== "vp" && path.type !== "ve"))
      throw new ConfigError(
        `predictor-corrector: predictor ancestral: path ${path.type} has no chain (vp or ve, by its constants).`,
      );
    const beta = diffusion ** 2;
    if (path.type === "vp") return { x: 1 / (1 + drift), score: beta / (1 + drift), noise: diffusion };
    const level = path.sigma(steps > 1 ? index / (steps - 1) : 0);
    return { x: 1, score: beta, noise: diffusion * Math.sqrt(Math.max(0, 1 - beta / level ** 2)) };
  },
  "euler-maruyama": (path, t, steps) => {
    const [f, g] = [path.drift(t), path.diffusion(t)];
    return { x: 1 - f / steps, score: g ** 2 / steps, noise: g / Math.sqrt(steps) };
  },
};

/**
 * At each of `steps` times from 1 to `end`, first the corrector, `correctorSteps` times, then the predictor. Each costs
 * an evaluation and a draw. `steps` is also the length of the forward chain, whose steps the reverse-diffusion and
 * ancestral predictors undo; a VP chain of fewer than about 20 does not exist, its β being above 1. The Langevin
 * corrector's step comes from norms averaged over the batch, so samples depend on what else is in it.
 */
export async function* predictorCorrector(
  denoise: Denoise,
  z: Float64Array,
  path: Path,
  { noise, samples, ...given }: PredictorCorrectorOptions = {},
): AsyncGenerator<PathStep> {
  const where = "predictor-corrector";
  checkSamples(where, z);
  const { predictor, corrector, steps, end, last, snr, correctorSteps } = resolve(
    where,
    predictorCorrectorOptions,
    given,
  );
  if (predictor === "none" && corrector === "none")
    throw new ConfigError(`${where}: predictor and corrector are both none: one of them must do something.`);
  needNoise(where, noise, "every step");
  const predict = predictor === "none" ? undefined : predictors[predictor];
  const norm = corrector === "langevin" ? meanNorm(z, samples) : undefined;

  const time = (index: number) => (steps === 1 ? 1 : 1 + (index / (steps - 1)) * (end - 1));
  for (let index = 0; index < steps; index++) {
    const t = time(index);
    const final = index + 1 === steps;
    let mean = z;
    let seen: Estimate | undefined;

    for (let i = 0; corrector !== "none" && i < correctorSteps; i++) {
      seen = await estimate(denoise, path, z, t);
      const n = noise();
      const a = (1 + chainStep(path, t, steps).drift) ** 2;
      const ratio = norm ? norm(n) / norm(seen.score) : path.sigma(t);
      const size = 2 * a * (snr * ratio) ** 2;
      z = combine(new Float64Array(z.length), [1, z], [size, seen.score], [Math.sqrt(2 * size), n]);
      mean = z;
    }

    if (predict) {
      seen = await estimate(denoise, path, z, t);
      const step = predict(path, t, steps);
      mean = combine(new Float64Array(z.length), [step.x, z], [step.score, seen.score]);
      const plain = final && last === "mean";
      z = plain ? mean : combine(new Float64Array(z.length), [1, mean], ...kick(step.noise, noise));
    }
    if (!seen) throw new Error("internal: predictor-corrector made no evaluation.");
    yield {
      index,
      sigma: path.sigma(t) / path.alpha(t),
      t: final ? 0 : time(index + 1),
      x: z,
      mean,
      denoised: seen.denoised,
    };
  }
}

/** The step of the forward chain at t, which must exist. */
function chainStep(path: Path, t: number, steps: number) {
  const step = path.step(t, steps);
  if (!Number.isFinite(step.drift + step.diffusion))
    throw new ConfigError(
      `predictor-corrector: too few steps: ${steps} (the forward chain of path ${path.type} needs β below 1 in each).`,
    );
  return step;
}

/** The mean over samples of their Euclidean norms. */
function meanNorm(z: Float64Array, samples: number | undefined): (v: Float64Array) => number {
  const dims = z.length / (samples ?? Number.NaN);
  if (samples === undefined || !(Number.isInteger(dims) && dims > 0))
    throw new ConfigError(
      `predictor-corrector: corrector langevin: ${z.length} numbers in samples: ${samples} (their number, which divides it).`,
    );
  return (v) => {
    let total = 0;
    for (let start = 0; start < v.length; start += dims) {
      let squares = 0;
      for (let i = start; i < start + dims; i++) squares += v[i] ** 2;
      total += Math.sqrt(squares);
    }
    return total / samples;
  };
}
