/**
 * Which noise meets which example. Every coupling is a function of seed and position alone, so that a resumed run needs
 * no other state, and the noise it returns is the only noise there is: input and target are made from the same array.
 */
import { type Batches, elements } from "../data/index.ts";
import { unknownName } from "../errors/index.ts";
import { stream } from "../random/index.ts";
import { type Metric, nearestCandidates, optimalPairing, permute } from "../transport/index.ts";

interface CouplingOptions {
  /** Each example's own noise. */
  independent: Record<never, never>;
  /**
   * Approximated optimal transport (Kim et al. 2024, Algorithms 1 and 2): the examples of a pool of `pool` consecutive positions
   * exchange their noises so that the total distance is least. Of labelled data only within classes, unless `classWise`
   * is false: otherwise noise would say something about the label. The paper's pools are 512, and 2048 with classes.
   */
  aot: {
    readonly pool?: number;
    readonly metric?: Extract<Metric, "euclidean" | "squared-euclidean">;
    readonly classWise?: boolean;
  };
  /** The nearest of `candidates` noises of each example's own. Works at batch size 1; the noise is not quite Gaussian. */
  immiscible: { readonly candidates?: number };
}

/** A coupling by name and constants. */
export type CouplingSpec = {
  readonly [K in keyof CouplingOptions]: { readonly type: K } & CouplingOptions[K];
}[keyof CouplingOptions];

/** The noise of the examples at positions `position` … `position + size − 1`, flat. */
export type Coupling = (position: number, size: number) => Float32Array;

export interface CouplingSetting {
  readonly seed: number;
  /** The batches that training sees. */
  readonly assemble: Batches;
  /** Of one example. */
  readonly shape: readonly number[];
}

type Spec<T> = Extract<CouplingSpec, { type: T }>;

const couplings: { readonly [T in CouplingSpec["type"]]: (spec: Spec<T>, setting: CouplingSetting) => Coupling } = {
  independent: (_, { seed, shape }) => {
    const dims = elements(shape);
    return (position, size) => normals(seed, "noise", position, size, dims);
  },
  aot: ({ pool = 512, metric = "euclidean", classWise = true }, { seed, assemble, shape }) => {
    const dims = elements(shape);
    const pools = new Map<number, Float32Array>();
    const poolAt = (index: number) => {
      const known = pools.get(index);
      if (known) return known;
      const { x, labels } = assemble(index * pool, pool);
      const noise = normals(seed, "noise", index * pool, pool, dims);
      const { permutation } = optimalPairing(x, noise, dims, { metric, ...(classWise && labels && { labels }) });
      const paired = permute(noise, permutation, dims);
      const [oldest] = pools.keys();
      if (pools.size >= 2) pools.delete(oldest);
      pools.set(index, paired);
      return paired;
    };
    return (position, size) => {
      const out = new Float32Array(size * dims);
      for (let i = 0; i < size; i++) {
        const [index, at] = [Math.floor((position + i) / pool), (position + i) % pool];
        out.set(poolAt(index).subarray(at * dims, (at + 1) * dims), i * dims);
      }
      return out;
    };
  },
  immiscible: ({ candidates = 4 }, { seed, assemble, shape }) => {
    const dims = elements(shape);
    return (position, size) => {
      const offered = normals(seed, "noise", position, size, candidates * dims);
      const chosen = nearestCandidates(assemble(position, size).x, offered, dims);
      return permute(
        offered,
        Array.from(chosen, (choice, i) => i * candidates + choice),
        dims,
      );
    };
  },
};

/** The names of all couplings. */
export const couplingNames = Object.keys(couplings) as readonly CouplingSpec["type"][];

/** The coupling that a spec names. Throws ConfigError. */
export function coupling(spec: CouplingSpec, setting: CouplingSetting): Coupling {
  if (!Object.hasOwn(couplings, spec.type)) throw unknownName("coupling", spec.type, couplingNames);
  return build(spec.type, spec, setting);
}

function build<T extends CouplingSpec["type"]>(type: T, spec: Spec<T>, setting: CouplingSetting): Coupling {
  return couplings[type](spec, setting);
}

/** `count` unit normals for each position, from that position's own stream. */
function normals(seed: number, purpose: string, position: number, size: number, count: number): Float32Array {
  const out = new Float32Array(size * count);
  for (let i = 0; i < size; i++)
    stream(seed, purpose, position + i).fillNormal(out.subarray(i * count, (i + 1) * count));
  return out;
}
