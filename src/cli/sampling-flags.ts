/** Flags that change how a run is sampled; each is short for a field of the recipe's `sampling`. */
import { existsSync } from "node:fs";
import { ConfigError, unknownName } from "../errors/index.ts";
import { type Recipe, recipePathSamplers, usualLevels } from "../recipe/index.ts";
import { type SamplerName, samplers } from "../sampling/index.ts";
import { flagName, grouped, type Values } from "./command.ts";
import { readGridFile } from "./grid-file.ts";

type Sampling = Recipe["sampling"];

const paths = ["vp", "ve", "sub-vp", "flow", "ou"] as const satisfies readonly Sampling["path"][];

/** Flags that change the solver, its steps and its start. */
const solverFlags = grouped("Solver and steps", {
  steps: { type: "integer", min: 1, help: "Solver steps" },
  sampler: {
    type: "choice",
    choices: [...(Object.keys(samplers) as SamplerName[]), ...recipePathSamplers],
    help: "Solver; the recipe's if left out",
  },
  option: { type: "strings", value: "NAME=VALUE", help: "An option of the solver, such as eta=0.5; may be repeated" },
  churn: { type: "number", min: 0, help: "Noise added over all steps by euler, heun and dpm2; 0 is none" },
  path: { type: "choice", choices: paths, help: "Path of predictor-corrector and euler-maruyama (the reverse SDE)" },
  grid: { type: "string", value: "NAME|FILE", help: "karras, exponential, time, trailing, …, or a file of levels" },
  rho: { type: "number", min: 0, help: "How much a karras grid crowds towards low noise; 7 usually" },
  sigmaMin: { type: "number", min: 0, help: "The grid's last noise level before 0" },
  sigmaMax: { type: "number", min: 0, help: "The grid's first noise level" },
  clip: { type: "boolean", help: "Clamp every estimate of the clean image to [−1, 1]" },
  threshold: { type: "number", min: 0, max: 1, help: "Dynamic thresholding at this quantile, such as 0.995" },
  epsilonScale: { type: "string", value: "C|SLOPE,OFFSET", help: "Divide the predicted noise by this, such as 1.005" },
  temperature: { type: "number", min: 0, help: "Multiply the starting noise by this" },
});

export const samplingFlags = {
  ...solverFlags,
  ...grouped("Guidance", {
    guidance: { type: "number", min: 0, help: "Classifier-free guidance: 1 is none" },
    guidanceInterval: { type: "string", value: "LOW,HIGH", help: "Noise levels at which guidance acts" },
    guidanceRescale: { type: "number", min: 0, max: 1, help: "How far guided contrast is brought back" },
  }),
};

export type SamplingFlags = Values<typeof samplingFlags>;

/** Names of --grid that need no file. */
const grids: Readonly<Record<string, (recipe: Recipe, own: Sampling["grid"]) => Sampling["grid"]>> = {
  karras: (recipe, own) => ({ type: "karras", ...range(recipe, own) }),
  exponential: (recipe, own) => ({ type: "exponential", ...range(recipe, own) }),
  polyexponential: (recipe, own) => ({ type: "polyexponential", ...range(recipe, own) }),
  vp: () => ({ type: "vp" }),
  iddpm: (recipe, own) => ({ type: "iddpm", ...range(recipe, own) }),
  time: (recipe, own) => ({ type: "time", ...range(recipe, own) }),
  quadratic: (recipe, own) => ({ type: "time", power: 2, ...range(recipe, own) }),
  leading: () => ({ type: "timesteps", spacing: "leading" }),
  trailing: () => ({ type: "timesteps", spacing: "trailing" }),
  respaced: () => ({ type: "respaced" }),
  linspace: () => ({ type: "timesteps", spacing: "linspace" }),
};

/** The ends of the recipe's own grid if it names them, otherwise the model's usual ones. */
function range(recipe: Recipe, own: Sampling["grid"]) {
  const { sigmaMin, sigmaMax } = { ...usualLevels(recipe), ...own } as ReturnType<typeof usualLevels>;
  return { sigmaMin, sigmaMax };
}

/** The recipe's sampling with what the flags say. */
export function samplingOf(recipe: Recipe, flags: SamplingFlags): Sampling {
  const { options: own, ...rest } = recipe.sampling;
  const sampler = flags.sampler ?? rest.sampler;
  checkNoGrid(sampler, flags);
  // Another sampler starts from its own defaults, not from the options of the recipe's.
  const options = {
    ...(flags.sampler === undefined && own),
    ...(flags.churn !== undefined && { sChurn: flags.churn }),
    ...Object.fromEntries(flags.option.map(assignment)),
  };
  const guidance = guidanceOf(rest.guidance, flags);
  const { options: known } = samplers[sampler as keyof typeof samplers] ?? { options: {} };
  if (flags.churn !== undefined && !("sChurn" in known))
    throw new ConfigError(`sample: --churn: ${sampler} adds no such noise. Take euler, heun or dpm2, or leave it out.`);
  const found = gridOf(recipe, flags);
  const { threshold, temperature } = flags;
  return {
    ...rest,
    sampler,
    ...(flags.path !== undefined && { path: flags.path }),
    steps: found.type === "levels" ? found.sigmas.length : (flags.steps ?? rest.steps),
    grid: found,
    ...(Object.keys(options).length > 0 && { options }),
    ...(guidance !== undefined && { guidance }),
    ...(flags.clip && { clip: true }),
    ...(threshold !== undefined && { threshold }),
    ...(flags.epsilonScale !== undefined && { epsilonScale: scaleOf(flags.epsilonScale) }),
    ...(temperature !== undefined && { temperature }),
  };
}

/** Refuses levels for what has a path's own time. */
function checkNoGrid(sampler: Sampling["sampler"], { grid, rho, sigmaMin, sigmaMax }: SamplingFlags): void {
  if (!recipePathSamplers.some((name) => name === sampler)) return;
  const [given] = Object.entries({ grid, rho, sigmaMin, sigmaMax }).find(([, value]) => value !== undefined) ?? [];
  if (given !== undefined)
    throw new ConfigError(
      `sample: ${sampler} has a path's own time, and no use for ${flagName(given)}. Leave it out, or give --path.`,
    );
}

function assignment(text: string): readonly [string, number | string] {
  const [, name, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new ConfigError(`--option: must be NAME=VALUE, such as eta=0.5; got ${JSON.stringify(text)}.`);
  return [name, Number.isNaN(Number(value)) ? value : Number(value)];
}

function gridOf(recipe: Recipe, { grid, steps, rho, sigmaMin, sigmaMax }: SamplingFlags): Sampling["grid"] {
  const own = recipe.sampling.grid;
  const chosen = grid === undefined ? own : namedGrid(recipe, grid, steps);
  const changes = {
    ...(rho !== undefined && { rho }),
    ...(sigmaMin !== undefined && { sigmaMin }),
    ...(sigmaMax !== undefined && { sigmaMax }),
  };
  const takes: Readonly<Record<string, readonly string[]>> = {
    karras: ["rho", "sigmaMin", "sigmaMax"],
    polyexponential: ["rho", "sigmaMin", "sigmaMax"],
    exponential: ["sigmaMin", "sigmaMax"],
    iddpm: ["sigmaMin", "sigmaMax"],
    time: ["sigmaMin", "sigmaMax"],
  };
  const foreign = Object.keys(changes).find((name) => !takes[chosen.type]?.includes(name));
  if (foreign !== undefined)
    throw new ConfigError(
      `sample: a grid of ${grid ?? chosen.type} has no ${foreign}. Leave it out, or add --grid karras.`,
    );
  return { ...chosen, ...changes } as Sampling["grid"];
}

/** A grid by its name, or the levels for so many steps in a file. Throws ConfigError. */
export function namedGrid(recipe: Recipe, grid: string, steps: number | undefined): Sampling["grid"] {
  if (Object.hasOwn(grids, grid)) return grids[grid](recipe, recipe.sampling.grid);
  if (!existsSync(grid)) throw unknownName("--grid", grid, [...Object.keys(grids), "a file"]);
  const { sigmas, factors } = readGridFile(grid, steps);
  if (steps !== undefined && steps !== sigmas.length)
    throw new ConfigError(`--grid: ${grid}: has ${sigmas.length} levels; --steps is ${steps} (the same, or left out).`);
  return { type: "levels", sigmas: [...sigmas], ...(factors && { factors: [...factors] }) };
}

function guidanceOf(own: Sampling["guidance"], { guidance, guidanceInterval, guidanceRescale }: SamplingFlags) {
  const base = typeof own === "number" ? { scale: own } : own;
  if (guidanceInterval === undefined && guidanceRescale === undefined)
    return guidance === undefined ? own : base?.interval || base?.rescale ? { ...base, scale: guidance } : guidance;
  const scale = guidance ?? base?.scale;
  if (scale === undefined)
    throw new ConfigError("sample: --guidance-interval and --guidance-rescale need --guidance, its weight.");
  return {
    ...base,
    scale,
    ...(guidanceInterval !== undefined && { interval: pair("--guidance-interval", guidanceInterval) }),
    ...(guidanceRescale !== undefined && { rescale: guidanceRescale }),
  };
}

function pair(where: string, text: string): [number, number] {
  const [a, b, ...more] = text.split(",").map(Number);
  if (!(Number.isFinite(a) && Number.isFinite(b) && more.length === 0))
    throw new ConfigError(`${where}: must be two numbers, such as 0.2,5; got ${JSON.stringify(text)}.`);
  return [a, b];
}

function scaleOf(text: string): NonNullable<Sampling["epsilonScale"]> {
  if (text.includes(",")) {
    const [slope, offset] = pair("--epsilon-scale", text);
    return { slope, offset };
  }
  const value = Number(text);
  if (!(Number.isFinite(value) && value > 0))
    throw new ConfigError(`--epsilon-scale: must be a number above 0, or SLOPE,OFFSET; got ${JSON.stringify(text)}.`);
  return value;
}
