/** What a recipe's sampling comes to, with everything that cannot work refused before a network is compiled. */
import {
  alphaOf,
  discreteSchedule,
  noiseSchedule,
  type Path,
  type PathType,
  spaceTimesteps,
  timestepSpacing,
} from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import {
  evaluations,
  leastSteps,
  type PathSamplerSpec,
  type SamplerName,
  type SamplerSpec,
  type SigmaGridSpec,
  type Sigmas,
  samplers,
  sigmaGrid,
} from "../sampling/index.ts";
import { isPathSampler, pathRun } from "./path-plan.ts";
import { objectiveOf, type Recipe } from "./recipe.ts";
import { sigmaOf, trainedLevels, usualLevels } from "./trained-levels.ts";

/** Sampling, resolved and checked. */
export type SamplingPlan = LadderPlan | PathPlan;

/** Sampling from noise level to noise level. */
export interface LadderPlan extends Planned {
  readonly spec: SamplerSpec;
  readonly path?: undefined;
  /** Of ddim: what D is multiplied by in each step, where the grid says so. */
  readonly factors?: readonly number[];
}

/** Sampling along a path, in the path's own time. */
export interface PathPlan extends Planned {
  readonly spec: PathSamplerSpec;
  readonly path: Path;
}

interface Planned {
  /** Steps in all. */
  readonly steps: number;
  /** Of samplers on a ladder: falling to 0. The first may be ∞, as at zero terminal SNR. */
  readonly sigmas: Sigmas;
  /** Standard deviation of x̃ = z/α where sampling starts: that of pure noise z on the recipe's own path. */
  readonly startStd: number;
  /** Evaluations of D for a sample; undefined where the sampler chooses as it runs. */
  readonly evaluations: number | undefined;
  /** Whether noise is added on the way. */
  readonly stochastic: boolean;
}

/**
 * The plan of a recipe's sampling, or of other sampling from the same model. With `below`, that of its last part: the levels
 * that are not above this one, begun from something that has so much noise.
 * @throws ConfigError for options that the sampler has not, too few steps, a grid beyond the noise levels that the model
 * was trained at, and a start at infinite noise that the sampler or the prediction cannot take.
 */
export function samplingPlan(
  recipe: Recipe,
  sampling: Recipe["sampling"] = recipe.sampling,
  below?: number,
): SamplingPlan {
  const { sampler, options = {}, clip, threshold } = sampling;
  if (clip && threshold !== undefined)
    throw new ConfigError("sampling: clip and threshold are both given; dynamic thresholding clips already (one).");
  checkGuidance(recipe, sampling);
  if (isPathSampler(sampler)) {
    if (below !== undefined)
      throw new ConfigError(
        `sampling: ${sampler} has no levels to begin at. Take a sampler on a ladder, such as heun.`,
      );
    const run = pathRun(recipe, sampler, sampling);
    return { ...run, steps: sampling.steps, sigmas: [], startStd: run.path.priorStd };
  }
  if (sampling.path !== undefined)
    throw new ConfigError(
      `sampling.path: ${sampler} steps from noise level to noise level on every path. Leave it out, or take predictor-corrector or euler-maruyama.`,
    );
  const spec = { type: sampler, ...options } as SamplerSpec;
  evaluations(spec, sampling.steps); // resolves the options
  checkSteps(spec, sampling.steps);
  const ladder = sigmasOf(recipe, sampling);
  const skipped = below === undefined ? 0 : levelsAbove(ladder, below);
  const sigmas = ladder.slice(skipped);
  const steps = sigmas.length - 1;
  if (skipped > 0) checkSteps(spec, steps, ` below ${below}`);
  const factors = factorsOf(sampling)?.slice(skipped);
  const [first] = sigmas;
  if (first === Number.POSITIVE_INFINITY && !infinite(sampler))
    throw new ConfigError(
      `sampling: the grid starts at infinite noise (zero terminal SNR), from which ${sampler} cannot step (only ddim and ancestral can).`,
    );
  objectiveOf(recipe).precondition(first); // refuses ε at infinite noise
  checkLevels(recipe, sigmas);
  return {
    spec,
    steps,
    sigmas,
    ...(factors && { factors }),
    startStd: below === undefined ? startStd(recipe, first) : first,
    evaluations: evaluations(spec, steps),
    stochastic: isStochastic(spec, steps),
  };
}

/** A model that is told the weight of guidance knows those of its range, everywhere. */
function checkGuidance({ model }: Recipe, { guidance = 1 }: Recipe["sampling"]): void {
  if (!model.guidance) return;
  const [low, high] = model.guidance;
  const { scale, interval, rescale } =
    typeof guidance === "number" ? { scale: guidance, interval: undefined, rescale: undefined } : guidance;
  if (interval || rescale)
    throw new ConfigError(
      "sampling.guidance: the model has guidance built in, at all noise levels and without rescaling. Give its weight alone.",
    );
  if (!(scale >= low && scale <= high))
    throw new ConfigError(`sampling.guidance: the model has learned weights of ${low} to ${high}; got ${scale}.`);
}

function checkSteps(spec: SamplerSpec, steps: number, where = ""): void {
  if (steps < leastSteps(spec))
    throw new ConfigError(
      `sampling.steps: ${spec.type} needs at least ${leastSteps(spec)} steps${where}; got ${steps}.`,
    );
}

/** How many levels lie above one. */
function levelsAbove(sigmas: Sigmas, below: number): number {
  const first = sigmas.findIndex((sigma) => sigma <= below * 1.000001);
  if (sigmas[first] > 0) return first;
  const lowest = sigmas[sigmas.length - 2];
  throw new ConfigError(
    `sampling: no level of the grid is at or below ${below}, to begin at (the lowest is ${round(lowest)}).`,
  );
}

/** The factors of a grid of levels, which only ddim has a place for. */
function factorsOf({ sampler, grid, steps }: Recipe["sampling"]): readonly number[] | undefined {
  if (grid.type !== "levels" || !grid.factors) return undefined;
  if (sampler !== "ddim")
    throw new ConfigError(`sampling.grid: has factors, which ${sampler} has no place for. Take ddim.`);
  if (grid.factors.length !== steps)
    throw new ConfigError(`sampling.grid: has ${grid.factors.length} factors for ${steps} steps (as many).`);
  return grid.factors;
}

const infinite = (sampler: SamplerName): boolean => {
  const member: { readonly infinite?: boolean } = samplers[sampler];
  return member.infinite === true;
};

/** Whether a sampler adds noise: always, never, or as its `eta` or `sChurn` say. */
function isStochastic(spec: SamplerSpec, steps: number): boolean {
  const { noise, options }: { readonly noise: string; readonly options: object } = samplers[spec.type];
  if (noise !== "optional") return noise === "always";
  if (spec.type === "consistency" || spec.type === "renoised-ddim") return steps > 1;
  const defaults = options as Readonly<Record<string, { readonly default: number | string }>>;
  const given = spec as Readonly<Record<string, unknown>>;
  return ["eta", "sChurn"].some((name) => name in defaults && Number(given[name] ?? defaults[name].default) > 0);
}

/** The noise levels a recipe samples at, falling to 0. */
export function sigmasOf(recipe: Recipe, { sampler, grid, steps }: Recipe["sampling"]): Sigmas {
  const { schedule } = recipe.objective;
  if (grid.type === "levels") {
    if (grid.sigmas.length !== steps)
      throw new ConfigError(`sampling.grid: has ${grid.sigmas.length} levels for ${steps} steps (as many).`);
    const rise = grid.sigmas.findIndex((sigma, i) => i > 0 && !(sigma < grid.sigmas[i - 1]));
    if (rise > 0)
      throw new ConfigError(
        `sampling.grid: levels must fall; level ${rise} is ${grid.sigmas[rise]} after ${grid.sigmas[rise - 1]}.`,
      );
    return [...grid.sigmas, 0];
  }
  if (grid.type === "time") return [...timeLevels(recipe, grid, steps), 0];
  if (grid.type !== "timesteps" && grid.type !== "respaced") {
    // A consistency model changes nothing at the lowest level: its steps are those that lead there.
    if (sampler === "consistency")
      return [...sigmaGrid({ ...grid, steps: steps + 1 } as SigmaGridSpec).slice(0, steps), 0];
    return sigmaGrid({ ...grid, steps } as SigmaGridSpec);
  }
  if (schedule?.kind !== "discrete")
    throw new ConfigError(`sampling.grid: "${grid.type}" needs an objective with a discrete schedule. Use karras.`);
  const { sigmas } = discreteSchedule(schedule.table);
  if (grid.type === "respaced") {
    const chosen = spaceTimesteps(sigmas.length, grid.sections ?? [steps]);
    if (chosen.length !== steps)
      throw new ConfigError(`sampling.grid.sections: make ${chosen.length} timesteps of ${steps} steps (as many).`);
    return [...chosen.reverse().map((t) => sigmas[t]), 0];
  }
  const { spacing, offset = 0 } = grid;
  const visited = timestepSpacing({ steps: sigmas.length, count: steps, spacing, offset });
  return [...visited.map((t) => sigmas[t]), 0];
}

function timeLevels(
  recipe: Recipe,
  { power = 1, ...ends }: { readonly power?: number; readonly sigmaMin?: number; readonly sigmaMax?: number },
  steps: number,
): number[] {
  const { schedule } = recipe.objective;
  if (!schedule)
    throw new ConfigError('sampling.grid: "time" needs an objective with a schedule. Use karras or exponential.');
  const known = noiseSchedule(
    schedule.kind === "discrete" ? { type: "discrete", table: schedule.table } : schedule.schedule,
  );
  const { sigmaMin, sigmaMax } = { ...usualLevels(recipe), ...ends };
  const [from, to] = [sigmaMax, sigmaMin].map((sigma) => known.time(-2 * Math.log(sigma)) ** (1 / power));
  return Array.from({ length: steps }, (_, i) => {
    if (i === 0) return sigmaMax;
    const t = (from + (i / (steps - 1)) * (to - from)) ** power;
    return sigmaOf(known.logSnr(t));
  });
}

/** Refuses levels that the network has never seen, where it may say anything. */
function checkLevels(recipe: Recipe, sigmas: Sigmas): void {
  const { min, max } = trainedLevels(recipe);
  const finite = sigmas.filter((sigma) => sigma > 0 && sigma < Number.POSITIVE_INFINITY);
  const [high, low] = [finite[0], finite[finite.length - 1]];
  const outside = high > max * 1.000001 ? high : low < min / 1.000001 ? low : undefined;
  if (outside === undefined) return;
  throw new ConfigError(
    `sampling.grid: noise level ${round(outside)} lies outside the levels that the model was trained at, ${round(min)} to ${round(max)}. ` +
      `Choose ${outside > max ? "a smaller sigmaMax" : "a larger sigmaMin"}, or another grid.`,
  );
}

const round = (value: number) => Number(value.toPrecision(4));

/** Standard deviation of x̃ = z/α at a level that stands for pure noise z. */
export function startStd({ objective: { prediction } }: Recipe, sigma: number): number {
  if (sigma === Number.POSITIVE_INFINITY) return 1; // x̃ is then the unit noise itself
  const path: PathType | undefined = "path" in prediction ? prediction.path : undefined;
  return path === "vp" || path === "ou" ? 1 / alphaOf(path, sigma) : sigma;
}
