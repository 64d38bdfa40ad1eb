/** How far samples are from examples, with its gradient by the samples: what steps are searched by. */
import { ConfigError } from "../errors/index.ts";

/** A number to be made small, and its gradient. */
export interface LossAndGradient {
  readonly loss: number;
  readonly gradient: Float64Array;
}

/** The loss of samples, laid flat, `[rows × dims]`. */
export type SampleLoss = (x: Float64Array) => LossAndGradient | Promise<LossAndGradient>;

/**
 * The energy distance 2 E‖x − y‖ − E‖x − x′‖ − E‖y − y′‖ to examples, without bias: the squared MMD of the kernel −‖x − y‖
 * (Székely & Rizzo 2013; Sejdinovic et al. 2013). 0 between equal distributions; nothing to tune.
 */
export function energyDistance(examples: Float64Array, dims: number): (x: Float64Array) => LossAndGradient {
  const n = rowsOf("energy distance", examples, dims);
  let own = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) own += distance(examples, i, examples, j, dims);
  own *= 2 / (n * (n - 1));
  return (x) => {
    const m = x.length / dims;
    const gradient = new Float64Array(x.length);
    let [between, within] = [0, 0];
    const add = (i: number, to: Float64Array, j: number, weight: number) => {
      const d = distance(x, i, to, j, dims);
      if (d > 0)
        for (let k = 0; k < dims; k++) gradient[i * dims + k] += (weight * (x[i * dims + k] - to[j * dims + k])) / d;
      return d;
    };
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) between += add(i, examples, j, 2 / (m * n));
      for (let j = 0; j < m; j++) if (j !== i) within += add(i, x, j, -2 / (m * (m - 1)));
    }
    return { loss: (2 * between) / (m * n) - within / (m * (m - 1)) - own, gradient };
  };
}

function distance(a: Float64Array, i: number, b: Float64Array, j: number, dims: number): number {
  let sum = 0;
  for (let k = 0; k < dims; k++) sum += (a[i * dims + k] - b[j * dims + k]) ** 2;
  return Math.sqrt(sum);
}

/**
 * The kernel distance to examples, without bias: the squared MMD of the kernel (x·y/d + 1)³, which compares moments up to
 * the third. Of features of a network it is KID (Bińkowski et al. 2018).
 */
export function kernelLoss(examples: Float64Array, dims: number): (x: Float64Array) => LossAndGradient {
  const n = rowsOf("kernel distance", examples, dims);
  let own = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) own += base(examples, i, examples, j, dims) ** 3;
  own *= 2 / (n * (n - 1));
  return (x) => {
    const m = rowsOf("kernel distance", x, dims);
    const gradient = new Float64Array(x.length);
    let [between, within] = [0, 0];
    /** k(x_i, to_j), its slope by x_i times `weight` added to the gradient. */
    const add = (i: number, to: Float64Array, j: number, weight: number) => {
      const b = base(x, i, to, j, dims);
      const slope = (weight * 3 * b * b) / dims;
      for (let k = 0, at = i * dims, from = j * dims; k < dims; k++) gradient[at + k] += slope * to[from + k];
      return b ** 3;
    };
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) between += add(i, examples, j, -2 / (m * n));
      for (let j = 0; j < m; j++) if (j !== i) within += add(i, x, j, 2 / (m * (m - 1)));
    }
    return { loss: within / (m * (m - 1)) - (2 * between) / (m * n) + own, gradient };
  };
}

/** x·y/d + 1 */
function base(a: Float64Array, i: number, b: Float64Array, j: number, dims: number): number {
  let sum = 0;
  for (let k = 0, at = i * dims, from = j * dims; k < dims; k++) sum += a[at + k] * b[from + k];
  return sum / dims + 1;
}

/** A differentiable map of rows, such as a network that sees features of images. */
export interface FeatureMap {
  /** Numbers in a row of features. */
  readonly dims: number;
  /** Features of rows. */
  features(x: Float64Array): Promise<Float64Array>;
  /** vᵀ ∂features/∂x of each row. */
  product(x: Float64Array, v: Float64Array): Promise<Float64Array>;
}

/** The {@link kernelLoss} of features: of those of a network, KID. */
export async function featureKernelLoss(examples: Float64Array, map: FeatureMap): Promise<SampleLoss> {
  const lossOf = kernelLoss(await map.features(examples), map.dims);
  return async (x) => {
    const { loss, gradient } = lossOf(await map.features(x));
    return { loss, gradient: await map.product(x, gradient) };
  };
}

function rowsOf(where: string, values: Float64Array, dims: number): number {
  const rows = values.length / dims;
  if (Number.isInteger(rows) && rows >= 2) return rows;
  throw new ConfigError(`${where}: ${values.length} numbers (two examples or more of ${dims}).`);
}
