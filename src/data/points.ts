/** Distributions in the plane: small enough to train on in seconds, shaped so that mistakes can be seen. */
import { ConfigError, unknownName } from "../errors/index.ts";
import { type Stream, stream } from "../random/index.ts";
import { type Dataset, datasetFromArray } from "./dataset.ts";

/** A distribution of points by name and constants. All lie in about [−1, 1]², before noise. */
export type PointsSpec =
  /** Equally likely Gaussians on a circle: 8 `modes`, `radius` 0.8, standard deviation `sigma` 0.06. Label: the mode. */
  | { readonly type: "mixture"; readonly modes?: number; readonly radius?: number; readonly sigma?: number }
  /** Two interleaved half circles, blurred by `sigma` 0.04. Label: which of them. */
  | { readonly type: "moons"; readonly sigma?: number }
  /** Concentric circles: 3 `rings`, equally likely, their radii blurred by `sigma` 0.02. Label: the ring, from inside. */
  | { readonly type: "rings"; readonly rings?: number; readonly sigma?: number }
  /** The black squares of a board of `cells` × `cells`, 4 by default and even; sharp edges. No labels. */
  | { readonly type: "checkerboard"; readonly cells?: number }
  /** One and a half turns of a spiral, blurred by `sigma` 0.02. No labels. */
  | { readonly type: "swiss-roll"; readonly sigma?: number };

/** The name of a distribution of points. */
export type PointsName = PointsSpec["type"];

type Spec<T> = Extract<PointsSpec, { type: T }>;

/** A point and, where the distribution has parts, the part it belongs to. */
interface Point {
  readonly x: number;
  readonly y: number;
  readonly part?: number;
}

/** Makes a sampler of the distribution, after checking its constants. */
type Sampler<T> = (spec: Spec<T>) => (draws: Stream) => Point;

const samplers: { readonly [T in PointsName]: Sampler<T> } = {
  mixture: (spec) => {
    const { means, sigma } = mixture(spec);
    return (draws) => {
      const part = draws.integer(means.length);
      return { x: means[part][0] + sigma * draws.normal(), y: means[part][1] + sigma * draws.normal(), part };
    };
  },
  moons: ({ sigma = 0.04 }) => {
    notNegative("moons: sigma", sigma);
    return (draws) => {
      const part = draws.integer(2);
      const angle = Math.PI * draws.uniform();
      // The upper moon is a half circle around (0, 0), the lower one around (1, ½); together they fill [−1, 2] × [−½, 1].
      const x = part === 0 ? Math.cos(angle) : 1 - Math.cos(angle);
      const y = part === 0 ? Math.sin(angle) : 0.5 - Math.sin(angle);
      return { x: (x - 0.5) / 1.5 + sigma * draws.normal(), y: (y - 0.25) / 1.5 + sigma * draws.normal(), part };
    };
  },
  rings: ({ rings = 3, sigma = 0.02 }) => {
    positiveInteger("rings: rings", rings);
    notNegative("rings: sigma", sigma);
    return (draws) => {
      const part = draws.integer(rings);
      const radius = (part + 1) / rings + sigma * draws.normal();
      const angle = 2 * Math.PI * draws.uniform();
      return { x: radius * Math.cos(angle), y: radius * Math.sin(angle), part };
    };
  },
  checkerboard: ({ cells = 4 }) => {
    positiveInteger("checkerboard: cells", cells);
    if (cells % 2 !== 0) throw new ConfigError(`checkerboard: cells must be even; got ${cells}.`);
    return (draws) => {
      const row = draws.integer(cells);
      const column = 2 * draws.integer(cells / 2) + (row % 2);
      return { x: (2 * (column + draws.uniform())) / cells - 1, y: (2 * (row + draws.uniform())) / cells - 1 };
    };
  },
  "swiss-roll": ({ sigma = 0.02 }) => {
    notNegative("swiss-roll: sigma", sigma);
    return (draws) => {
      const turn = 0.25 + 0.75 * draws.uniform();
      const angle = 4 * Math.PI * turn;
      return { x: turn * Math.cos(angle) + sigma * draws.normal(), y: turn * Math.sin(angle) + sigma * draws.normal() };
    };
  },
};

/** The names of all distributions of points. */
export const pointsNames = Object.keys(samplers) as readonly PointsName[];

/** How many points, and which. */
export interface PointsOptions {
  /** How many points the set holds. */
  readonly size?: number;
  readonly seed?: number;
  /** Points of the two splits are independent. */
  readonly split?: "train" | "test";
}

/**
 * A set of points of shape [2], drawn once. Point i depends on (seed, distribution, split, i) alone, so a larger set
 * begins with the smaller one.
 */
export function points(
  given: PointsSpec | PointsName,
  { size = 10_000, seed = 0, split = "train" }: PointsOptions = {},
): Dataset {
  const spec: PointsSpec = typeof given === "string" ? { type: given } : given;
  if (!Object.hasOwn(samplers, spec.type)) throw unknownName("points", spec.type, pointsNames);
  positiveInteger("points: size", size, 2 ** 26);

  const sample = samplerOf(spec.type, spec);
  const values = new Float32Array(2 * size);
  const parts = new Uint16Array(size);
  let labelled = false;
  for (let i = 0; i < size; i++) {
    const { x, y, part } = sample(stream(seed, `points ${spec.type} ${split}`, i));
    values[2 * i] = x;
    values[2 * i + 1] = y;
    if (part === undefined) continue;
    labelled = true;
    parts[i] = part;
  }
  return datasetFromArray({
    name: split === "test" ? `${spec.type} points test` : `${spec.type} points`,
    values,
    shape: [2],
    ...(labelled && { labels: parts }),
  });
}

/** The mixture's Gaussians, equally likely and round: what its closed-form denoiser and density need. */
export function mixture({ modes = 8, radius = 0.8, sigma = 0.06 }: Spec<"mixture"> = { type: "mixture" }): {
  readonly means: readonly (readonly [number, number])[];
  readonly sigma: number;
} {
  positiveInteger("mixture: modes", modes);
  notNegative("mixture: radius", radius);
  notNegative("mixture: sigma", sigma);
  const means = Array.from({ length: modes }, (_, k) => {
    const angle = (2 * Math.PI * k) / modes;
    return [radius * Math.cos(angle), radius * Math.sin(angle)] as const;
  });
  return { means, sigma };
}

function samplerOf<T extends PointsName>(type: T, spec: Spec<T>): (draws: Stream) => Point {
  return samplers[type](spec);
}

function positiveInteger(where: string, value: number, most = 1000): void {
  if (!(Number.isInteger(value) && value >= 1 && value <= most))
    throw new ConfigError(`${where}: must be a whole number from 1 to ${most}; got ${value}.`);
}

function notNegative(where: string, value: number): void {
  if (!(Number.isFinite(value) && value >= 0))
    throw new ConfigError(`${where}: must be a number, at least 0; got ${value}.`);
}
