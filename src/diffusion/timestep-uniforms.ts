/** The uniform numbers of one batch: independent, or spread evenly to lower the variance of the loss. */
import { ConfigError, unknownName } from "../errors/index.ts";
import { count } from "./admissible.ts";

/** How the uniform numbers of a batch hang together. */
export type UniformsSpec =
  /** One given number for each sample. */
  | { readonly type: "independent" }
  /** uᵢ = (u₀ + i/n) mod 1 from one u₀ for the global batch (Kingma et al. 2021, appendix I.1). */
  | { readonly type: "low-discrepancy" }
  /** One given number for each sample, uᵢ from its own n-th of [0, 1). */
  | { readonly type: "stratified" };

/** Which part of a global batch is wanted. */
export interface BatchShare {
  /** The number of samples of the global batch. */
  readonly size: number;
  /** This worker has the samples worker, worker + workers, …; default 0. */
  readonly worker?: number;
  /** Default 1. */
  readonly workers?: number;
}

type Arrangement = (given: ArrayLike<number>, share: Required<BatchShare>) => Float64Array;

const arrangements: { readonly [T in UniformsSpec["type"]]: Arrangement } = {
  independent: (given) => Float64Array.from(given),
  "low-discrepancy": (given, share) => lowDiscrepancy(given[0], share),
  stratified: (given, { worker, workers }) => stratified(given, { group: worker, groups: workers }),
};

/** How many given numbers `arrangeUniforms` reads on this worker. */
export function uniformsNeeded({ type }: UniformsSpec, share: BatchShare): number {
  return type === "low-discrepancy" ? 1 : shareOf(share);
}

/**
 * The uniform numbers of this worker's samples, made from `given` ones in [0, 1), of which `uniformsNeeded` says how
 * many. The low-discrepancy u₀ must be the same on all workers. Spread numbers are ordered: a data set read in a
 * meaningful order should have its batches shuffled. Throws ConfigError.
 */
export function arrangeUniforms(spec: UniformsSpec, given: ArrayLike<number>, share: BatchShare): Float64Array {
  if (!Object.hasOwn(arrangements, spec.type)) throw unknownName("uniforms", spec.type, Object.keys(arrangements));
  const needed = uniformsNeeded(spec, share);
  if (given.length !== needed)
    throw new ConfigError(`arrangeUniforms: wrong number of uniforms: ${given.length} (expected ${needed}).`);
  return arrangements[spec.type](given, { worker: 0, workers: 1, ...share });
}

/** tᵢ = (u₀ + i/n) mod 1 for i = worker, worker + workers, … below n = size; always exactly that many. */
export function lowDiscrepancy(u0: number, share: BatchShare): Float64Array {
  const { size, worker = 0, workers = 1 } = share;
  return Float64Array.from({ length: shareOf(share) }, (_, k) => {
    const t = u0 + (worker + k * workers) / size;
    return t >= 1 ? t - 1 : t;
  });
}

/** (group + i·groups + uᵢ)/(n·groups): the i-th of n numbers of one of `groups` groups that interleave. */
export function stratified(
  given: ArrayLike<number>,
  { group = 0, groups = 1 }: { readonly group?: number; readonly groups?: number } = {},
): Float64Array {
  count("stratified: groups", groups);
  count("stratified: group", group, 0, groups - 1);
  return Float64Array.from(given, (u, i) => (group + i * groups + u) / (given.length * groups));
}

/** The number of samples in a worker's share. */
function shareOf({ size, worker = 0, workers = 1 }: BatchShare): number {
  count("batch: size", size);
  count("batch: workers", workers);
  count("batch: worker", worker, 0, workers - 1);
  return Math.max(0, Math.ceil((size - worker) / workers));
}
