/**
 * Stable targets in training (Xu, Tong & Jaakkola 2023; the formulas are in `diffusion`, stf.ts): each update compares its
 * samples with the same references, which follow from seed and step, so that a resumed run has the same. The two products
 * with all references run in ONNX Runtime, in single precision; exponents and weights between them are float64.
 */
import { type Dataset, elements, withMirrorImages } from "../data/index.ts";
import { stableExponent, stableWeights } from "../diffusion/index.ts";
import { input } from "../graph/index.ts";
import { stream } from "../random/index.ts";
import { type CompileOptions, compile } from "../runtime/index.ts";
import type { MovedTarget, Shift, TargetRows, TargetTime } from "./target.ts";

export interface StableTargetSpec {
  readonly type: "stf";
  /**
   * How many samples each target is made of, its own included; all of the data if it has fewer. 1 is plain training.
   * Published: 4096 in the paper for CIFAR-10, 1024 in its released models.
   */
  readonly references: number;
  /**
   * Whether labelled samples of a conditional model are compared with those of their own class only. Default true, as
   * anything else teaches the network to mind the label less. Samples whose label is dropped take all references.
   */
  readonly classWise?: boolean;
}

export interface StableTargetSetting {
  readonly dataset: Dataset;
  /** Mirror images are references too. */
  readonly flip: boolean;
  readonly seed: number;
  /** Samples at a time. */
  readonly rows: number;
}

/** Stable targets at work. */
export interface StableTarget extends MovedTarget {
  shift(rows: TargetRows, now: Pick<TargetTime, "step">): Promise<Required<Shift>>;
}

/** The graphs: products of samples with all references, and means of the references for `meanRows` rows of weights. */
export function stableTargetGraphs({ rows, meanRows, count, dims }: GraphSizes) {
  const references = input("references", [count, dims]);
  return {
    // The references first: ONNX Runtime copies the second factor, and this one is small.
    products: references.matmul(input("rows", [rows, dims]), { transB: true }),
    means: input("weights", [meanRows, count]).matmul(references),
  };
}

export interface GraphSizes {
  readonly rows: number;
  /** Few rows have more than one reference at a time. */
  readonly meanRows: number;
  readonly count: number;
  readonly dims: number;
}

/** What {@link stableTargetGraphs} takes for a data set of `population` examples, mirror images included. */
export function stableTargetSizes(references: number, population: number, rows: number, dims: number): GraphSizes {
  return {
    rows,
    meanRows: Math.min(rows, Math.max(16, Math.ceil(rows / 4))),
    count: Math.min(references, population),
    dims,
  };
}

/** Rounding of a long product in single precision, relative to the lengths of its factors. */
const rounding = 2 ** -20;
/** An exponent is computed again from the differences if it may be off by more than this and its weight be above e⁻³⁰. */
const [admitted, negligible] = [1e-2, -30];
/** References of less weight than this together move a target by less than single precision shows. */
const leastWeight = 1e-9;

/** Compiles the graphs for a data set. */
export async function compileStableTarget(
  { references: n, classWise = true }: StableTargetSpec,
  { dataset, flip, seed, rows }: StableTargetSetting,
  options: CompileOptions = {},
): Promise<StableTarget> {
  const dims = elements(dataset.shape);
  const drawn = references(flip ? withMirrorImages(dataset) : dataset, n, seed);
  const { values, labels, places, squares, count } = drawn;
  const sizes = stableTargetSizes(n, count, rows, dims);
  const { products, means } = stableTargetGraphs(sizes);
  const comparing = await compile({ products }, options);
  const averaging = await compile({ means }, options);

  /** The weights of a row's references, in `out`; its own sample takes the rest. */
  const weigh = (row: number, { batch, noise, sigma, labels: wanted }: TargetRows, own: Row, out: Float64Array) => {
    const level = sigma[row];
    // −(‖x − x_k‖² + 2σ ε·(x − x_k))/(2σ²), by z·x_k for z = x + σ ε.
    const doubt = (rounding * own.scale * own.length * drawn.longest) / level ** 2;
    const label = classWise ? wanted[row] : undefined;
    for (let k = 0; k < count; k++) {
      if (label !== undefined && labels[k] !== label) {
        out[k] = Number.NEGATIVE_INFINITY;
        continue;
      }
      const product = (own.products[k * rows + row] * own.scale) / level;
      out[k] = (product - (own.xx + squares[k]) / (2 * level) - own.xn) / level;
      if (doubt > admitted && out[k] + doubt > negligible)
        out[k] = exactly(batch.x, noise, row * dims, values, k * dims, dims, level);
    }
    // Exactly `count` samples make a target: without the row's own among the references, the last one goes.
    const index = batch.indices[row] + (batch.flipped?.[row] ? dataset.size : 0);
    out[places.get(index) ?? count - 1] = Number.NEGATIVE_INFINITY;
    return stableWeights(out);
  };

  return {
    async shift(given, { step }) {
      drawn.prepare(step);
      const { batch, noise, sigma, scale } = given;
      const z = new Float32Array(rows * dims);
      const all = sigma.map((level, row) => noisyRow(batch.x, noise, z, row * dims, dims, level));
      const compared = await comparing.run({ rows: z, references: values });
      const effectiveSampleSize = new Float64Array(rows);
      const moved: { readonly row: number; readonly weights: Float32Array; readonly total: number }[] = [];
      const weights = new Float64Array(count);
      for (const [row, numbers] of all.entries()) {
        const own = { ...numbers, products: compared.products };
        const { own: ownWeight, effective } = weigh(row, given, own, weights);
        effectiveSampleSize[row] = effective;
        if (1 - ownWeight > leastWeight) moved.push({ row, weights: new Float32Array(weights), total: 1 - ownWeight });
      }

      // Σ w_k x_k − (Σ w_k) x
      const shift = new Float32Array(rows * dims);
      const some = new Float32Array(sizes.meanRows * count);
      for (let first = 0; first < moved.length; first += sizes.meanRows) {
        const part = moved.slice(first, first + sizes.meanRows);
        for (const [i, { weights: ofRow }] of part.entries()) some.set(ofRow, i * count);
        const { means: mean } = await averaging.run({ weights: some, references: values });
        for (const [i, { row, total }] of part.entries())
          for (let d = 0, a = i * dims, b = row * dims; d < dims; d++, a++, b++)
            shift[b] = scale[row] * (mean[a] - total * batch.x[b]);
      }
      return { shift, effectiveSampleSize };
    },
    async close() {
      await comparing.close();
      await averaging.close();
    },
  };
}

/** The part of the references that each step replaces: reading images is what they cost most of all. */
const turnover = 1 / 8;

/**
 * The references of one step at a time: `count` different examples, or all of them, in one array. They are a window that
 * moves along a random permutation of the data, and starts on a new one where the next step would leave it. Whatever the
 * window, a target has no bias; what steps share are references, never samples.
 */
function references(population: Dataset, n: number, seed: number) {
  const dims = elements(population.shape);
  const { size } = population;
  const count = Math.min(n, size);
  const replaced = Math.ceil(count * turnover);
  const stepsOfEpoch = count === size ? Infinity : Math.floor((size - count) / replaced) + 1;
  const values = new Float32Array(count * dims);
  const labels = new Int32Array(count);
  const squares = new Float64Array(count);
  /** Where an example is in the array. */
  const places = new Map<number, number>();
  /** ‖x‖² of every example seen so far. */
  const known = new Float64Array(size).fill(Number.NaN);
  let permutation: Uint32Array = new Uint32Array();
  let [epoch, first, longest] = [-1, 0, 0];

  const put = (position: number) => {
    const [index, k] = [permutation[position], position % count];
    population.read(index, values, k * dims);
    labels[k] = population.label?.(index) ?? 0;
    places.set(index, k);
    if (Number.isNaN(known[index])) known[index] = sumOfSquares(values, k * dims, dims);
    squares[k] = known[index];
  };
  return {
    count,
    values,
    labels,
    squares,
    places,
    /** The length of the longest reference. */
    get longest() {
      return longest;
    },
    prepare(step: number): void {
      const wanted = stepsOfEpoch === Infinity ? 0 : Math.floor(step / stepsOfEpoch);
      const start = stepsOfEpoch === Infinity ? 0 : (step % stepsOfEpoch) * replaced;
      if (wanted === epoch && start === first) return;
      const overlaps = wanted === epoch && start > first && start < first + count;
      if (wanted !== epoch)
        permutation =
          count === size
            ? Uint32Array.from({ length: size }, (_, i) => i)
            : stream(seed, "references", wanted).permutation(size);
      if (overlaps) for (let p = first; p < start; p++) places.delete(permutation[p]);
      else places.clear();
      for (let p = overlaps ? first + count : start; p < start + count; p++) put(p);
      [epoch, first] = [wanted, start];
      longest = Math.sqrt(squares.reduce((most, square) => Math.max(most, square), 0));
    },
  };
}

/** What a sample's exponents are made of. */
interface Row {
  readonly xx: number;
  readonly xn: number;
  /** z was divided by this to keep it in single precision; and the length of what came out. */
  readonly scale: number;
  readonly length: number;
  /** Of every reference with every row, `[count × rows]`. */
  readonly products: Float32Array;
}

/** Writes z = x + σ ε of one row, scaled, and returns its numbers. */
function noisyRow(
  x: Float32Array,
  noise: Float32Array,
  z: Float32Array,
  at: number,
  dims: number,
  sigma: number,
): Omit<Row, "products"> {
  const scale = Math.max(1, sigma);
  const [ofX, ofNoise] = [1 / scale, sigma === Number.POSITIVE_INFINITY ? 1 : sigma / scale];
  let [xx, xn, zz] = [0, 0, 0];
  for (let i = at; i < at + dims; i++) {
    xx += x[i] * x[i];
    xn += noise[i] * x[i];
    z[i] = ofX * x[i] + ofNoise * noise[i];
    zz += z[i] * z[i];
  }
  return { xx, xn, scale, length: Math.sqrt(zz) };
}

function sumOfSquares(values: Float32Array, at: number, dims: number): number {
  let sum = 0;
  for (let i = at; i < at + dims; i++) sum += values[i] * values[i];
  return sum;
}

/** An exponent from the differences themselves. */
function exactly(
  x: Float32Array,
  noise: Float32Array,
  at: number,
  references: Float32Array,
  from: number,
  dims: number,
  sigma: number,
): number {
  let [squared, along] = [0, 0];
  for (let d = 0; d < dims; d++) {
    const off = x[at + d] - references[from + d];
    squared += off * off;
    along += noise[at + d] * off;
  }
  return stableExponent(squared, along, sigma);
}
