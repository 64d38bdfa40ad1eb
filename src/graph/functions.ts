/** Functions over primitives that networks and losses are written with. */
import { GraphError } from "../errors/index.ts";
import { constant, type Expr, interleave, lift } from "./expr.ts";

/** Cuts a node into consecutive pieces of the given sizes along one axis. */
export function split(x: Expr, sizes: readonly number[], axis: number): Expr[] {
  let start = 0;
  return sizes.map((size) => {
    const from = start;
    start += size;
    return x.slice(axis, from, start);
  });
}

/** ln(1 + eˣ), without overflow. */
export const softplus = (x: Expr): Expr => x.maximum(0).add(x.abs().neg().exp().add(1).log());

/**
 * Group normalisation of [B, C, …]: each of `groups` runs of channels is shifted and scaled to mean 0 and variance 1,
 * then each channel c becomes weight[c] · y + bias[c]. `weight` and `bias` are [C].
 */
export function groupNorm(
  x: Expr,
  { groups, eps, weight, bias }: { groups: number; eps: number; weight: Expr; bias: Expr },
) {
  const [b, c, ...rest] = x.shape;
  if (c % groups !== 0) throw new GraphError(`groupNorm: ${c} channels do not divide into ${groups} groups.`);
  const one = rest.map(() => 1);
  const perRow = (values: Expr) => values.reshape([1, c, ...one]).expand([b, c, ...one]);
  return x.groupNormalize(groups, eps).rowAffine(perRow(weight), perRow(bias));
}

/**
 * Scaled dot-product attention, softmax(q kᵀ / √d) v, over the last two axes [positions, d]; leading axes (batch, heads)
 * are independent.
 */
export function attention(q: Expr, k: Expr, v: Expr): Expr {
  const scale = 1 / Math.sqrt(q.shape.at(-1)!);
  return q.mul(scale).matmul(k, { transB: true }).softmax().matmul(v);
}

/** For each parity of an output row (or column), which two sums of filter taps meet the two input rows it sees. */
const mergedTaps = [
  [
    [1, 0, 0],
    [0, 1, 1],
  ],
  [
    [1, 1, 0],
    [0, 0, 1],
  ],
];

/**
 * The convolution with filters [K, C, 3, 3], padded by 1, of an image whose every pixel is repeated 2 × 2 times. Rows and
 * columns of one parity see repeated pixels under the same taps, so each of the four parities is a convolution of the
 * small image with 2 × 2 filters: 4/9 of the arithmetic.
 */
export function upConv2d(x: Expr, filter: Expr): Expr {
  const [k, c] = filter.shape;
  const taps = filter.reshape([k * c, 9]);
  const parity = (a: number, b: number) => {
    const merge = [0, 1, 2].flatMap((i) =>
      [0, 1, 2].flatMap((j) => mergedTaps[a].flatMap((row) => mergedTaps[b].map((column) => row[i] * column[j]))),
    );
    const merged = taps.matmul(constant(merge, [9, 4])).reshape([k, c, 2, 2]);
    return x.conv2d(merged, { pads: [1 - a, 1 - b, a, b] });
  };
  return interleave([parity(0, 0), parity(0, 1), parity(1, 0), parity(1, 1)]);
}

/** Multiplies by 0 or 1 / (1 − rate); `uniform` holds a draw from [0, 1) for each element. */
export const dropout = (x: Expr, uniform: Expr, rate: number): Expr =>
  rate === 0 ? x : x.mul(uniform.less(rate).where(0, 1 / (1 - rate)));

/** Rows of `table` [n, d] for int64 labels; a label outside 0 … n−1 gives zeros. */
export const embedding = (labels: Expr, table: Expr): Expr => labels.oneHot(table.shape[0]).matmul(table);

/** The separable filter f ⊗ f / (Σf)² as [C, 1, n, n], for a convolution with C groups. */
function firFilter(channels: number, taps: readonly number[], gain: number): Expr {
  const total = taps.reduce((a, b) => a + b, 0);
  const plane = taps.flatMap((a) => taps.map((b) => (gain * a * b) / total ** 2));
  return constant(Array.from({ length: channels }, () => plane).flat(), [channels, 1, taps.length, taps.length]);
}

/** Padding that keeps a stride-2 filter centred: ⌊(n − 1) / 2⌋ on every side. */
export const firPad = (taps: readonly number[]): number => Math.floor((taps.length - 1) / 2);

/** Whether resampling with the taps repeats or averages 2 × 2 pixels. */
export const isBox = (taps: readonly number[]) => taps.length === 2 && taps[0] === taps[1];

/**
 * Halves the resolution of [B, C, H, W] through a separable low-pass filter; [1, 1] is 2×2 averaging. `pad` zeros on
 * every side, by default as many as keep the filter centred.
 */
export function firDown(x: Expr, taps: readonly number[], pad = firPad(taps)): Expr {
  if (isBox(taps) && pad === 0) return x.avgPool(2);
  const channels = x.shape[1];
  return x.conv2d(firFilter(channels, taps, 1), { stride: 2, pads: [pad, pad, pad, pad], groups: channels });
}

/**
 * Doubles the resolution of [B, C, H, W] through a separable low-pass filter; [1, 1] repeats pixels. `pad` pixels are
 * cut from every side, by default as many as leave 2H × 2W; a filter of odd length has no such number, and leaves one
 * row and one column less.
 */
export function firUp(x: Expr, taps: readonly number[], pad = firPad(taps)): Expr {
  if (isBox(taps) && pad === 0) return x.upsample(2);
  const [, channels, h, w] = x.shape;
  const size = (n: number) => 2 * (n - 1) + taps.length - 2 * pad;
  const geometry = { stride: 2, pads: [pad, pad, pad, pad] as const, groups: channels };
  return x.convTranspose2d(firFilter(channels, taps, 4), [size(h), size(w)], geometry);
}

/** Mean squared difference over everything, as a scalar of shape [1, …]. */
export const meanSquaredError = (a: Expr, b: Expr): Expr => {
  const error = a.sub(lift(b));
  return error.sumSquares().mul(1 / error.shape.reduce((n, size) => n * size, 1));
};
