/**
 * Which noise meets which example. Every coupling is a function of seed and position alone, so that a resumed run needs
 * no other state, whoever matches its pools, and the noise it returns is the only noise there is: input and target are
 * made from the same array.
 */
import { type Batches, elements } from "../data/index.ts";
import { unknownName } from "../errors/index.ts";
import { input } from "../graph/index.ts";
import { normalRows } from "../random/index.ts";
import { type CompileOptions, compile } from "../runtime/index.ts";
import { type Metric, matchPool, nearestCandidates, type Pool, permute } from "../transport/index.ts";

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
  /**
   * Optimal transport of minibatches (Tong et al. 2024): `aot` by squared distances, what flow matching moves along. The
   * paper's pool is the batch; 512 by default.
   */
  "ot-cfm": { readonly pool?: number; readonly classWise?: boolean };
  /** The nearest of `candidates` noises of each example's own. Works at batch size 1; the noise is not quite Gaussian. */
  immiscible: { readonly candidates?: number };
}

/** A coupling by name and constants. */
export type CouplingSpec = {
  readonly [K in keyof CouplingOptions]: { readonly type: K } & CouplingOptions[K];
}[keyof CouplingOptions];

/** Where the noises of training come from. Close it when done. */
export interface Coupling {
  /** The noise of the examples at positions `position` … `position + size − 1`, flat. */
  noise(position: number, size: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Matches a pool as {@link matchPool} does, somewhere else; may take the pool's memory for itself. */
export type PoolMatcher = (pool: Pool) => Promise<Float32Array>;

export interface CouplingSetting {
  readonly seed: number;
  /** The batches that training sees. */
  readonly assemble: Batches;
  /** Of one example. */
  readonly shape: readonly number[];
  /** Matches pools beside training, each while the one before it is used. Left out: here, when its turn has come. */
  readonly matcher?: PoolMatcher;
}

type Spec<T> = Extract<CouplingSpec, { type: T }>;
type Build<T> = (spec: Spec<T>, setting: CouplingSetting, options: CompileOptions) => Coupling | Promise<Coupling>;

const couplings: { readonly [T in CouplingSpec["type"]]: Build<T> } = {
  independent: (_, { seed, shape }) => {
    const dims = elements(shape);
    return withoutEnd(async (position, size) => normalRows(seed, "noise", position, size, dims));
  },
  aot: (spec, ...rest) => openPools(spec, ...rest),
  "ot-cfm": (spec, ...rest) => openPools({ ...spec, metric: "squared-euclidean" }, ...rest),
  immiscible: ({ candidates = 4 }, { seed, assemble, shape }) => {
    const dims = elements(shape);
    return withoutEnd(async (position, size) => {
      const offered = normalRows(seed, "noise", position, size, candidates * dims);
      const chosen = nearestCandidates(assemble(position, size).x, offered, dims);
      return permute(
        offered,
        Array.from(chosen, (choice, i) => i * candidates + choice),
        dims,
      );
    });
  },
};

/** Pools whose noises are exchanged, each prepared while the one before it is used. */
async function openPools(
  { pool = 512, metric = "euclidean", classWise = true }: CouplingOptions["aot"],
  { seed, assemble, shape, matcher }: CouplingSetting,
  options: CompileOptions,
): Promise<Coupling> {
  const dims = elements(shape);
  const multiplied = dims > fewDims ? await compile({ products: poolProducts(pool, dims) }, options) : undefined;
  const prepare = async (index: number) => {
    const { x, labels } = assemble(index * pool, pool);
    const noise = normalRows(seed, "noise", index * pool, pool, dims);
    const { products } =
      (await multiplied?.run({ samples: x, noise }, { products: new Float32Array(pool * pool) })) ?? {};
    const given = {
      samples: x,
      noise,
      dims,
      metric,
      ...(classWise && labels && { labels }),
      ...(products && { products }),
    };
    return matcher ? matcher(given) : matchPool(given);
  };
  const pools = new Map<number, Promise<Float32Array>>();
  const begin = (index: number) => {
    const known = pools.get(index);
    if (known) return known;
    const begun = prepare(index);
    // Whoever waits for the pool hears of a failure; nobody may ever.
    begun.catch(() => {});
    pools.set(index, begun);
    return begun;
  };
  return {
    async noise(position, size) {
      const [first, last] = [Math.floor(position / pool), Math.floor((position + size - 1) / pool)];
      for (const index of pools.keys()) if (index < first || index > last + 1) pools.delete(index);
      const out = new Float32Array(size * dims);
      for (let index = first; index <= last; index++) {
        const paired = await begin(index);
        const [from, to] = [Math.max(position, index * pool), Math.min(position + size, (index + 1) * pool)];
        out.set(paired.subarray((from - index * pool) * dims, (to - index * pool) * dims), (from - position) * dims);
      }
      if (matcher) begin(last + 1);
      return out;
    },
    async close() {
      await Promise.allSettled(pools.values());
      await multiplied?.close();
    },
  };
}

/** Products in so few dimensions take less time than handing them over. */
const fewDims = 32;

/** Inner products of all samples and noises of a pool: nearly all of the work of matching it. */
const poolProducts = (pool: number, dims: number) =>
  input("samples", [pool, dims]).matmul(input("noise", [pool, dims]), { transB: true });

const withoutEnd = (noise: Coupling["noise"]): Coupling => ({ noise, close: async () => {} });

/** The names of all couplings. */
export const couplingNames = Object.keys(couplings) as readonly CouplingSpec["type"][];

/** Whether it matches pools, which a {@link PoolMatcher} can do beside training. */
export const matchesPools = (spec: CouplingSpec | undefined): boolean =>
  spec?.type === "aot" || spec?.type === "ot-cfm";

/** The coupling that a spec names. Throws ConfigError. */
export async function openCoupling(
  spec: CouplingSpec,
  setting: CouplingSetting,
  options: CompileOptions = {},
): Promise<Coupling> {
  if (!Object.hasOwn(couplings, spec.type)) throw unknownName("coupling", spec.type, couplingNames);
  return build(spec.type, spec, setting, options);
}

const build = <T extends CouplingSpec["type"]>(type: T, ...rest: Parameters<Build<T>>) => couplings[type](...rest);
