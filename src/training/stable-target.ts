/**
 * Stable targets in training (Xu, Tong & Jaakkola 2023; the formulas are in `diffusion`, stf.ts): each update compares its
 * samples with the same references, which follow from seed and step, so that a resumed run has the same. The two products
 * with all references run in ONNX Runtime, in single precision; exponents and weights between them are float64.
 */
import { type Dataset, elements, withMirrorImages } from "../data/index.ts";
import { leastExponent, stableExponent, stableWeights } from "../diffusion/index.ts";
import { input } from "../graph/index.ts";
import { type CompileOptions, compile, type Program } from "../runtime/index.ts";
import { referenceWindow } from "./reference-window.ts";
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
  shift(rows: TargetRows, now: TargetTime): Promise<Required<Shift>>;
}

/** The graphs: products of samples with all references, and means of the references for so many rows of weights. */
export function stableTargetGraphs({ rows, count, dims }: GraphSizes) {
  const references = input("references", [count, dims]);
  return {
    // The references first: ONNX Runtime copies the second factor, and this one is small.
    products: references.matmul(input("rows", [rows, dims]), { transB: true }),
    means: (meanRows: number) => input("weights", [meanRows, count]).matmul(references),
  };
}

export interface GraphSizes {
  readonly rows: number;
  readonly count: number;
  readonly dims: number;
}

/** For how many rows means are taken at a time: one is fast, and from a few on all references are copied, whatever the number. */
const meanSizes = (rows: number): number[] => [1, 16, rows].filter((size, i) => size <= rows && (i < 2 || size > 16));

/** Rounding of a long product in single precision, relative to the lengths of its factors. */
const rounding = 2 ** -20;
/** An exponent is computed again from the differences if it may be off by more than this and its weight be above e⁻³⁰. */
const [admitted, negligible] = [1e-2, -30];
/** References of less weight than this together move a target by less than single precision shows. */
const leastWeight = 1e-9;
/** Up to this part of the references are summed one by one, where a product with all would take longer. */
const fewReferences = 1 / 8;

/** Compiles the graphs for a data set. */
export async function compileStableTarget(
  { references: n, classWise = true }: StableTargetSpec,
  { dataset, flip, seed, rows }: StableTargetSetting,
  options: CompileOptions = {},
): Promise<StableTarget> {
  const dims = elements(dataset.shape);
  const drawn = referenceWindow(flip ? withMirrorImages(dataset) : dataset, n, seed);
  const { values, labels, places, squares, count } = drawn;
  const graphs = stableTargetGraphs({ rows, count, dims });
  const comparing = await compile({ products: graphs.products }, options);
  const averaging: { readonly size: number; readonly program: Program }[] = [];
  for (const size of meanSizes(rows))
    averaging.push({ size, program: await compile({ means: graphs.means(size) }, options) });

  /** The weights of a row's references, in `out`, and its own sample's; if that is 1, `out` holds no weights. */
  const weigh = (row: number, { batch, noise, sigma, labels: wanted }: TargetRows, own: Row, out: Float64Array) => {
    const level = sigma[row];
    // −(‖x − x_k‖² + 2σ ε·(x − x_k))/(2σ²), by z·x_k for z = x + σ ε.
    const [perProduct, perSquare] = [1 / (level * Math.min(1, level)), 0.5 / level / level];
    const constant = (own.xx / (2 * level) + own.xn) / level;
    const { products } = own;
    for (let k = 0, i = row; k < count; k++, i += rows)
      out[k] = products[i] * perProduct - squares[k] * perSquare - constant;
    const label = classWise ? wanted[row] : undefined;
    if (label !== undefined) for (let k = 0; k < count; k++) if (labels[k] !== label) out[k] = Number.NEGATIVE_INFINITY;
    const doubt = rounding * own.length * drawn.longest * perProduct;
    if (doubt > admitted)
      for (let k = 0; k < count; k++)
        if (out[k] + doubt > negligible) out[k] = exactly(batch.x, noise, row * dims, values, k * dims, dims, level);
    // Exactly `count` samples make a target: without the row's own among the references, the last one goes.
    const index = batch.indices[row] + (batch.flipped?.[row] ? dataset.size : 0);
    out[places.get(index) ?? count - 1] = Number.NEGATIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < count; k++) if (out[k] > most) most = out[k];
    // At low noise levels most samples are all that their target is made of.
    return most < leastExponent ? { own: 1, effective: 1 } : stableWeights(out);
  };

  const chosen = new Int32Array(count);
  const weights = new Float64Array(count);
  const mean = new Float64Array(dims);

  return {
    async shift(given, { step }) {
      drawn.prepare(step);
      const { batch, noise, sigma, scale } = given;
      const z = new Float32Array(rows * dims);
      const all = sigma.map((level, row) => noisyRow(batch.x, noise, z, row * dims, dims, level));
      const compared = await comparing.run({ rows: z, references: values });
      const effectiveSampleSize = new Float64Array(rows);
      // Σ w_k x_k − (Σ w_k) x
      const shift = new Float32Array(rows * dims);
      const move = (row: number, total: number, sums: Float32Array | Float64Array, from: number) => {
        for (let d = 0, a = from, b = row * dims; d < dims; d++, a++, b++)
          shift[b] = scale[row] * (sums[a] - total * batch.x[b]);
      };
      const wide: { readonly row: number; readonly weights: Float32Array; readonly total: number }[] = [];
      for (const [row, numbers] of all.entries()) {
        const { own, effective } = weigh(row, given, { ...numbers, products: compared.products }, weights);
        effectiveSampleSize[row] = effective;
        const total = 1 - own;
        if (total <= leastWeight) continue;
        let many = 0;
        for (let k = 0; k < count; k++) if (weights[k] > leastWeight / count) chosen[many++] = k;
        if (many > Math.max(1, fewReferences * count)) wide.push({ row, weights: new Float32Array(weights), total });
        else {
          weightedSum(values, weights, chosen.subarray(0, many), mean);
          move(row, total, mean, 0);
        }
      }
      for (let first = 0; first < wide.length; ) {
        const left = wide.length - first;
        // The largest of which a quarter is used.
        const { size, program } = averaging.findLast(({ size }) => left >= size / 4) ?? averaging[0];
        const part = wide.slice(first, first + size);
        const some = new Float32Array(size * count);
        for (const [i, { weights: ofRow }] of part.entries()) some.set(ofRow, i * count);
        const { means } = await program.run({ weights: some, references: values });
        for (const [i, { row, total }] of part.entries()) move(row, total, means, i * dims);
        first += size;
      }
      return { shift, effectiveSampleSize };
    },
    async close() {
      await comparing.close();
      for (const { program } of averaging) await program.close();
    },
  };
}

/** What a sample's exponents are made of. */
interface Row {
  readonly xx: number;
  readonly xn: number;
  /** What z, divided by the larger of 1 and σ to keep it in single precision, is at most as long as. */
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
  let [xx, xn, nn] = [0, 0, 0];
  for (let i = at; i < at + dims; i++) {
    const a = x[i];
    const b = noise[i];
    xx += a * a;
    xn += a * b;
    nn += b * b;
    z[i] = ofX * a + ofNoise * b;
  }
  return { xx, xn, length: ofX * Math.sqrt(xx) + ofNoise * Math.sqrt(nn) };
}

/** Σ w_k x_k over the chosen references, in `out`, four of them at a time. */
function weightedSum(references: Float32Array, weights: Float64Array, chosen: Int32Array, out: Float64Array): void {
  out.fill(0);
  const dims = out.length;
  for (let first = 0; first < chosen.length; first += 4) {
    // The last one stands in, with no weight, for those that are missing.
    const at = (i: number) => chosen[Math.min(first + i, chosen.length - 1)];
    const weight = (i: number) => (first + i < chosen.length ? weights[at(i)] : 0);
    const [k0, k1, k2, k3] = [at(0) * dims, at(1) * dims, at(2) * dims, at(3) * dims];
    const [w0, w1, w2, w3] = [weight(0), weight(1), weight(2), weight(3)];
    for (let d = 0; d < dims; d++)
      out[d] += w0 * references[k0 + d] + w1 * references[k1 + d] + w2 * references[k2 + d] + w3 * references[k3 + d];
  }
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
