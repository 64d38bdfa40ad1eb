/** Which noise each training image gets: approximated optimal transport (AOT), within classes or without, and its cheaper relatives. */
import { ConfigError } from "../errors/index.ts";
import { assign } from "./assignment.ts";
import { countPoints, type DistanceOptions, distances, type Points } from "./costs.ts";

export interface Pairing {
  /** Row of `noise` for each sample. Make `permute(noise, …)` the only noise from here on: input and target must agree. */
  readonly permutation: Int32Array;
  /** Sum of the distances of the pairs. */
  readonly cost: number;
}

export interface PairingOptions extends DistanceOptions {
  /** Class of each sample. Noise is then exchanged within classes only, which keeps labels and noise independent. */
  readonly labels?: ArrayLike<number>;
}

/**
 * The pairing of least total distance: AOT training's coupling. Samples keep their order and the noise is permuted; with
 * `labels`, only among the slots of one class (classes may be of any size). A pool of 512 samples is the paper's choice
 * for unconditional models, 2048 for class-conditional ones.
 */
export function optimalPairing(samples: Points, noise: Points, dims: number, options: PairingOptions = {}): Pairing {
  return pairWithin(samples, noise, dims, options, (costs) => assign(costs).columnOf);
}

/** Samples and as many noises, which may be exchanged. */
export interface Pool extends PairingOptions {
  readonly samples: Float32Array<ArrayBuffer>;
  readonly noise: Float32Array<ArrayBuffer>;
  readonly dims: number;
}

/** The noises of a pool in the order of the samples they go with: all that training asks of a pool. */
export function matchPool({ samples, noise, dims, ...options }: Pool): Float32Array<ArrayBuffer> {
  const { permutation } = optimalPairing(samples, noise, dims, { precision: "float32", ...options });
  return permute(noise, permutation, dims);
}

/** Each sample in turn takes the nearest noise that is left: O(N²) after the distances, and a few percent off the optimum. */
export function greedyPairing(samples: Points, noise: Points, dims: number, options: PairingOptions = {}): Pairing {
  return pairWithin(samples, noise, dims, options, ({ rows, columns, data }) => {
    const taken = new Uint8Array(columns);
    return Int32Array.from({ length: rows }, (_, i) => {
      let nearest = -1;
      for (let j = 0; j < columns; j++)
        if (taken[j] === 0 && (nearest < 0 || data[i * columns + j] < data[i * columns + nearest])) nearest = j;
      taken[nearest] = 1;
      return nearest;
    });
  });
}

/**
 * For each sample the nearest of its own k candidates: needs no pool and works at batch size 1, but the noise is no longer
 * exactly Gaussian. `candidates` is `[samples × k × dims]`; returns the index 0 … k − 1 of each choice.
 */
export function nearestCandidates(samples: Points, candidates: Points, dims: number): Int32Array {
  const count = countPoints("nearestCandidates: samples", samples, dims);
  const k = countPoints("nearestCandidates: candidates", candidates, dims) / count;
  if (!Number.isInteger(k) || k < 1)
    throw new ConfigError(
      `nearestCandidates: ${candidates.length / dims} candidates for ${count} samples (expected a multiple of that).`,
    );
  return Int32Array.from({ length: count }, (_, i) => {
    let [nearest, least] = [0, Number.POSITIVE_INFINITY];
    for (let c = 0; c < k; c++) {
      let squared = 0;
      for (let d = 0; d < dims; d++) squared += (samples[i * dims + d] - candidates[(i * k + c) * dims + d]) ** 2;
      if (squared < least) [nearest, least] = [c, squared];
    }
    return nearest;
  });
}

/** The rows of `points` in a new order: row i of the result is row `order[i]`. Rows may repeat. */
export function permute<P extends Points>(points: P, order: ArrayLike<number>, dims: number): P {
  const length = order.length * dims;
  const out = points instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);
  for (let i = 0; i < order.length; i++) out.set(points.subarray(order[i] * dims, (order[i] + 1) * dims), i * dims);
  return out as P;
}

/** A column for each row, drawn from a transport plan `[rows × columns]` with one uniform number a row. */
export function drawFromPlan(plan: Float64Array, uniforms: ArrayLike<number>): Int32Array {
  const rows = uniforms.length;
  const columns = plan.length / rows;
  if (!Number.isInteger(columns))
    throw new ConfigError(`drawFromPlan: a plan of ${plan.length} entries and ${rows} uniforms (expected one a row).`);
  return Int32Array.from({ length: rows }, (_, i) => {
    const row = plan.subarray(i * columns, (i + 1) * columns);
    let left = uniforms[i] * row.reduce((sum, p) => sum + p, 0);
    let last = 0;
    for (let j = 0; j < columns; j++) {
      if (row[j] <= 0) continue;
      last = j;
      if (left < row[j]) return j;
      left -= row[j];
    }
    return last;
  });
}

function pairWithin(
  samples: Points,
  noise: Points,
  dims: number,
  { labels, ...options }: PairingOptions,
  match: (costs: ReturnType<typeof distances>) => Int32Array,
): Pairing {
  const count = countPoints("pairing: samples", samples, dims);
  if (noise.length !== samples.length)
    throw new ConfigError(`pairing: ${noise.length / dims} noises for ${count} samples (expected one each).`);
  if (labels && labels.length !== count)
    throw new ConfigError(`pairing: ${labels.length} labels for ${count} samples (expected one each).`);
  const permutation = new Int32Array(count);
  let cost = 0;
  for (const members of slotsByClass(labels, count)) {
    const costs = labels
      ? distances(permute(samples, members, dims), permute(noise, members, dims), dims, {
          ...options,
          ...(options.products && { products: minor(options.products, members, count) }),
        })
      : distances(samples, noise, dims, options);
    for (const [i, j] of match(costs).entries()) {
      permutation[members[i]] = members[j];
      cost += costs.data[i * costs.columns + j];
    }
  }
  return { permutation, cost };
}

/** The rows and columns of a square matrix that belong to `members`. */
function minor(matrix: Float32Array, members: readonly number[], size: number): Float32Array {
  const out = new Float32Array(members.length ** 2);
  let k = 0;
  for (const i of members) for (const j of members) out[k++] = matrix[i * size + j];
  return out;
}

/** The positions of each class, in the order in which classes first appear; one class of all positions without labels. */
function slotsByClass(labels: ArrayLike<number> | undefined, count: number): Iterable<number[]> {
  const slots = new Map<number, number[]>();
  for (let i = 0; i < count; i++) {
    const label = labels ? labels[i] : 0;
    const members = slots.get(label);
    if (members) members.push(i);
    else slots.set(label, [i]);
  }
  return slots.values();
}
