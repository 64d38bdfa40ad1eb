/** The table of samplers on a ladder of noise levels: what a recipe, a flag or a menu may name. */
import { unknownName } from "../errors/index.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { euler, eulerOptions } from "./euler.ts";
import { heun, heunOptions } from "./heun.ts";
import type { Handed } from "./noise.ts";
import { type Given, type OptionTable, type Resolved, resolve } from "./options.ts";
import type { Sampler } from "./sampler.ts";

/** What is known about a sampler. */
export interface SamplerMember<T extends OptionTable> {
  readonly sample: Sampler<Given<T> & Handed>;
  readonly options: T;
  /** Order of convergence with all added noise turned off; 0 where steps are no discretisation of the ODE. */
  readonly order: number;
  /** Whether it draws noise: whatever its options say, depending on them, or not at all. */
  readonly noise: "always" | "optional" | "never";
  /** Network evaluations (NFE) of a run over `steps` steps that ends at 0; undefined where they are chosen as it runs. */
  readonly evaluations: (steps: number, options: Resolved<T>) => number | undefined;
  readonly source: string;
}

const member = <T extends OptionTable>(entry: SamplerMember<T>) => entry;

const karras = "Karras et al. (2022)";

/** All samplers on a ladder, by name. */
export const samplers = {
  euler: member({
    sample: euler,
    options: eulerOptions,
    order: 1,
    noise: "optional",
    evaluations: (n) => n,
    source: `${karras}, eq. 3`,
  }),
  heun: member({
    sample: heun,
    options: heunOptions,
    order: 2,
    noise: "optional",
    evaluations: (n) => 2 * n - 1,
    source: `${karras}, Algorithms 1–3`,
  }),
} as const;

export type SamplerName = keyof typeof samplers;

/** A sampler by name and options: plain data, what a config file holds. */
export type SamplerSpec = {
  [K in SamplerName]: { readonly type: K } & Given<(typeof samplers)[K]["options"]>;
}[SamplerName];

/**
 * Runs a sampler given as a spec or as a function.
 * @throws ConfigError for an unknown name, here; for anything else it cannot use, at the first step.
 */
export function solve(
  spec: SamplerSpec | Sampler<Handed>,
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  handed: Handed = {},
): AsyncGenerator<Step> {
  if (typeof spec === "function") return spec(denoise, x, sigmas, handed);
  const { type, ...options } = spec;
  return memberOf(type).sample(denoise, x, sigmas, { ...options, ...handed });
}

/** Network evaluations of a run over `steps` steps that ends at 0; undefined for samplers that choose as they run. */
export function evaluations({ type, ...options }: SamplerSpec, steps: number): number | undefined {
  const found = memberOf(type);
  return found.evaluations(steps, resolve(type, found.options, options));
}

/** A member with its options' types forgotten: `resolve` checks them as it runs. */
function memberOf(type: SamplerName): SamplerMember<Record<never, never>> {
  if (!Object.hasOwn(samplers, type)) throw unknownName("sampler", type, Object.keys(samplers));
  return samplers[type] as unknown as SamplerMember<Record<never, never>>;
}
