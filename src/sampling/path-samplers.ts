/** The table of samplers along a path: what a recipe, a flag or a menu may name. */
import type { Path } from "../diffusion/index.ts";
import { unknownName } from "../errors/index.ts";
import type { Denoise } from "./denoise.ts";
import { eulerMaruyama, eulerMaruyamaOptions } from "./euler-maruyama.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";
import type { PathHanded, PathSampler, PathStep } from "./path-sampler.ts";
import { predictorCorrector, predictorCorrectorOptions } from "./predictor-corrector.ts";
import { rk45Path, rk45PathOptions } from "./rk45.ts";
import type { SamplerMember } from "./samplers.ts";

const member = <const T extends OptionTable>(entry: SamplerMember<T, PathSampler<Given<T> & PathHanded>>) => entry;

/** All samplers along a path, by name. */
export const pathSamplers = {
  "predictor-corrector": member({
    sample: predictorCorrector,
    options: predictorCorrectorOptions,
    order: 0,
    noise: "always",
    evaluations: (n, { predictor, corrector, correctorSteps }) =>
      n * ((predictor === "none" ? 0 : 1) + (corrector === "none" ? 0 : correctorSteps)),
    source: "Song et al. (2021), Algorithms 1–5",
  }),
  "euler-maruyama": member({
    sample: eulerMaruyama,
    options: eulerMaruyamaOptions,
    order: 1,
    noise: "optional",
    evaluations: (n) => n,
    source: "Song et al. (2021), eq. 6 and 13",
  }),
  rk45: member({
    sample: rk45Path,
    options: rk45PathOptions,
    order: 5,
    noise: "never",
    evaluations: () => undefined,
    source: "Dormand and Prince (1980); Song et al. (2021)",
  }),
} as const;

export type PathSamplerName = keyof typeof pathSamplers;

/** A path sampler by name and options: plain data, what a config file holds. */
export type PathSamplerSpec = {
  [K in PathSamplerName]: { readonly type: K } & Given<(typeof pathSamplers)[K]["options"]>;
}[PathSamplerName];

/** Network evaluations of a run; undefined for samplers that choose as they run. */
export function pathEvaluations({ type, ...options }: PathSamplerSpec): number | undefined {
  if (!Object.hasOwn(pathSamplers, type)) throw unknownName("path sampler", type, Object.keys(pathSamplers));
  const { evaluations, options: table } = pathSamplers[type] as unknown as SamplerMember<OptionTable>;
  const resolved: Readonly<Record<string, number | string>> = resolve(type, table, options);
  return evaluations(Number(resolved["steps"]), resolved);
}

/**
 * Runs a path sampler given as a spec or as a function, from z at t = 1.
 * @throws ConfigError for an unknown name, here; for anything else it cannot use, at the first step.
 */
export function solvePath(
  spec: PathSamplerSpec | PathSampler<never>,
  denoise: Denoise,
  z: Float64Array,
  path: Path,
  handed: PathHanded = {},
): AsyncGenerator<PathStep> {
  if (typeof spec === "function") return spec(denoise, z, path, handed as never);
  const { type, ...options } = spec;
  if (!Object.hasOwn(pathSamplers, type)) throw unknownName("path sampler", type, Object.keys(pathSamplers));
  const sample: PathSampler<never> = pathSamplers[type].sample;
  return sample(denoise, z, path, { ...options, ...handed } as never);
}
