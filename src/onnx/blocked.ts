/**
 * Convolutions in ONNX Runtime's blocked layout (NCHWc): channels in blocks of 8 or 16 that lie side by side in memory,
 * [B, C/n, H, W, n], in which its convolution runs near the processor's peak. ONNX Runtime uses it by itself only where
 * filters are constants; here the ops are emitted. Each function gives `undefined` where the layout does not fit, and
 * the caller falls back to the plain one.
 */
import { type ConvAttrs, type Expr, sizeOf } from "../graph/index.ts";
import { channelsFirst, type FilterGradAttrs } from "./convolution.ts";
import type { Emit } from "./emit.ts";

const domain = "com.microsoft.nchwc";

/** Bytes of filters that stay in a core's second-level cache while images stream by. */
const cacheBytes = 2 ** 20;

const ceilTo = (n: number, block: number) => Math.ceil(n / block) * block;

/** The value in the blocked layout; converted once, and not at all where a blocked op made it. */
const toBlocked = (emit: Emit, x: string): string =>
  emit.once(`blocked ${x}`, () => [emit.node("ReorderInput", [x], {}, domain)])[0];

/** The plain form of a blocked value of so many channels. */
function fromBlocked(emit: Emit, blocked: string, channels: number): string {
  const plain = emit.node("ReorderOutput", [blocked], { channels }, domain);
  if (channels % emit.block === 0) emit.once(`blocked ${plain}`, () => [blocked]);
  return plain;
}

/**
 * How an image of `channels` channels enters a blocked convolution: blocked, or as it is if it has fewer channels than
 * a block (then the filters have a layout of their own).
 */
function entrance(emit: Emit, channels: number): "blocked" | "plain" | undefined {
  if (emit.block === 0) return undefined;
  return channels % emit.block === 0 ? "blocked" : channels < emit.block ? "plain" : undefined;
}

interface Convolution {
  readonly image: string;
  readonly channels: number;
  /** Filters in the layout that `entrance` asks for, padded to whole blocks of outputs. */
  readonly filter: string;
  readonly outputs: number;
  readonly kernel: readonly number[];
  readonly attrs: Omit<ConvAttrs, "groups">;
  readonly bias?: string;
}

function convolve(emit: Emit, { image, channels, filter, outputs, kernel, attrs, bias }: Convolution): string {
  const x = entrance(emit, channels) === "blocked" ? toBlocked(emit, image) : image;
  const attributes = { kernel_shape: kernel, strides: [attrs.stride, attrs.stride], pads: attrs.pads, group: 1 };
  const blocked = emit.node("Conv", [x, filter, ...(bias === undefined ? [] : [bias])], attributes, domain);
  return fromBlocked(emit, blocked, outputs);
}

/** Pads one axis of a filter or bias with zeros up to whole blocks. */
function padAxis(emit: Emit, x: string, shape: readonly number[], axis: number): string {
  const missing = ceilTo(shape[axis], emit.block) - shape[axis];
  if (missing === 0) return x;
  const margins = [...shape.map(() => 0), ...shape.map((_, i) => (i === axis ? missing : 0))];
  return emit.once(`whole blocks ${axis} ${x}`, () => [emit.node("Pad", [x, emit.ints(margins)])])[0];
}

/** A value seen as `shape`, with its axes in another order. */
const permuted = (emit: Emit, x: string, shape: readonly number[], perm: readonly number[]): string =>
  emit.node("Transpose", [emit.node("Reshape", [x, emit.ints(shape)])], { perm });

/**
 * Filters [K, C, h, w] in blocks: [K/n, C/n, h, w, n of C, n of K], or [K/n, C, h, w, n of K] for a plain image. In two
 * steps, each of which moves one axis or whole runs of n numbers: ONNX Runtime is slow at anything else.
 */
function blockFilter(emit: Emit, filter: string, shape: readonly number[], enters: "blocked" | "plain"): string {
  return emit.once(`blocked filter ${filter}`, () => {
    const n = emit.block;
    const [k, c, h, w] = [ceilTo(shape[0], n), ...shape.slice(1)];
    const whole = padAxis(emit, filter, shape, 0);
    const outputsLast = permuted(emit, whole, [k / n, n, c * h * w], [0, 2, 1]);
    const blocks =
      enters === "plain" ? outputsLast : permuted(emit, outputsLast, [k / n, c / n, n, h * w, n], [0, 1, 3, 2, 4]);
    return [emit.node("Reshape", [blocks, emit.ints([k, c, h, w])])];
  })[0];
}

/**
 * Filters [K, C, h, w] for the input gradient: turned by 180°, inputs and outputs exchanged, in blocks
 * [C/n, K/n, h, w, n of K, n of C], or [C/n, K, h, w, n of C] for a plain dy.
 */
function turnedFilter(emit: Emit, filter: string, shape: readonly number[], enters: "blocked" | "plain"): string {
  return emit.once(`turned filter ${filter}`, () => {
    const n = emit.block;
    const [k, c, h, w] = [shape[0], ceilTo(shape[1], n), shape[2], shape[3]];
    const taps = h * w;
    const whole = padAxis(emit, filter, shape, 1);
    const outputsLast = permuted(emit, whole, [k * (c / n), n, taps], [0, 2, 1]); // [K, C/n, taps, n of C]
    const blocks =
      enters === "blocked"
        ? permuted(emit, outputsLast, [k / n, n, c / n, taps, n], [2, 0, 3, 1, 4])
        : permuted(emit, outputsLast, [k, c / n, taps, n], [1, 0, 2, 3]);
    if (taps === 1) return [emit.node("Reshape", [blocks, emit.ints([c, k, h, w])])];
    // Taps in reverse order; whole runs move.
    const runs = emit.ints(enters === "blocked" ? [(c / n) * (k / n), taps, n * n] : [(c / n) * k, taps, n]);
    const last = emit.ints([-1]);
    const reversed = emit.node("Slice", [
      emit.node("Reshape", [blocks, runs]),
      last,
      emit.ints([-(2 ** 31)]),
      emit.ints([1]),
      last,
    ]);
    return [emit.node("Reshape", [reversed, emit.ints([c, k, h, w])])];
  })[0];
}

/** The convolution of an image, with a bias [K] where one is given. */
export function blockedConv(
  emit: Emit,
  [x, filter, bias]: readonly string[],
  { stride, pads, groups }: ConvAttrs,
  _: Expr,
  [image, filters]: readonly Expr[],
): string | undefined {
  const [k, c, ...kernel] = filters.shape;
  const enters = entrance(emit, c);
  // Constant filters are laid out by ONNX Runtime itself, once and for all.
  if (groups !== 1 || enters === undefined || filters.op === "constant") return undefined;
  if (k * c < emit.block ** 2 / 4 || image.shape[2] * image.shape[3] === 1) return undefined;
  return convolve(emit, {
    image: x,
    channels: c,
    filter: blockFilter(emit, filter, filters.shape, enters),
    outputs: k,
    kernel,
    attrs: { stride, pads },
    ...(bias !== undefined && { bias: padAxis(emit, bias, [k], 0) }),
  });
}

/** The gradient of a stride-1 convolution with respect to its image: a convolution of dy with turned filters. */
export function blockedInputGrad(
  emit: Emit,
  [dy, filter]: readonly string[],
  pads: ConvAttrs["pads"],
  dx: Expr,
  [, { shape, op }]: readonly Expr[],
): string | undefined {
  const [k, c, ...kernel] = shape;
  const enters = entrance(emit, k);
  if (enters === undefined || op === "constant" || k * c < emit.block ** 2 / 4) return undefined;
  if (dx.shape[2] * dx.shape[3] === 1) return undefined;
  const turned = turnedFilter(emit, filter, shape, enters);
  return convolve(emit, { image: dy, channels: k, filter: turned, outputs: c, kernel, attrs: { stride: 1, pads } });
}

/**
 * The gradient with respect to the filters as a convolution in which batch and channels change places: the images of a
 * channel, [C, B, H, W] with B in blocks, under "filters" [K, B, H, W] that are dy. Large filters are cut into bands of
 * rows, each small enough for the cache; the products of the bands add up.
 */
export function blockedFilterGrad(
  emit: Emit,
  [x, dy]: readonly string[],
  { stride, pads, groups, kernel }: FilterGradAttrs,
  [{ shape: image }, { shape: out }]: readonly Expr[],
): string | undefined {
  const n = emit.block;
  const [batch, c] = image;
  const [, k, h, w] = out;
  if (n === 0 || groups !== 1 || stride !== 1 || batch % n !== 0 || k % n !== 0) return undefined;

  // Images of a channel, padded where runs of n numbers can be copied: [C, B/n, H, W, n of B].
  const [paddedRows, columns] = [image[2] + pads[0] + pads[2], image[3] + pads[1] + pads[3]];
  const images = emit.once(`as images ${x} ${pads}`, () => {
    const blocked = emit.node("ReorderInput", [channelsFirst(emit, x)], {}, domain);
    const apart = emit.node("Reshape", [blocked, emit.ints([c, batch / n, image[2], image[3], n])]);
    const margins = emit.ints([0, 0, pads[0], pads[1], 0, 0, 0, pads[2], pads[3], 0]);
    return [pads.every((p) => p === 0) ? apart : emit.node("Pad", [apart, margins])];
  })[0];
  const filters = emit.once(`as filters ${dy}`, () => [
    permuted(emit, toBlocked(emit, dy), [batch / n, n, k / n, h, w, n], [2, 0, 3, 4, 1, 5]),
  ])[0];
  const rows = bandRows(h, k * batch * w * 4);
  const seenRows = rows === h ? paddedRows : rows + kernel[0] - 1;
  let total: string | undefined;
  for (let from = 0; from < h; from += rows) {
    const band = (value: string, height: number) =>
      rows === h ? value : emit.node("Slice", [value, emit.ints([from]), emit.ints([from + height]), emit.ints([2])]);
    const seen = emit.node("Reshape", [band(images, seenRows), emit.ints([c, batch, seenRows, columns])]);
    const filter = emit.node("Reshape", [band(filters, rows), emit.ints([k, batch, rows, w])]);
    const attributes = { kernel_shape: [rows, w], strides: [1, 1], pads: [0, 0, 0, 0], group: 1 };
    total = emit.node("Conv", [seen, filter, ...(total === undefined ? [] : ["", total])], attributes, domain);
  }
  // [C, K/n, taps, n of K] → [K, C, taps], again in two steps.
  const taps = sizeOf(kernel);
  const apart = permuted(emit, total!, [c * (k / n), taps, n], [0, 2, 1]);
  const turned = permuted(emit, apart, [c, k, taps], [1, 0, 2]);
  return emit.node("Reshape", [turned, emit.ints([k, c, ...kernel])]);
}

/** The most rows, of `bytes` each, that divide the height and fit the cache. */
function bandRows(height: number, bytes: number): number {
  for (let rows = height; rows > 1; rows--) if (height % rows === 0 && rows * bytes <= cacheBytes) return rows;
  return 1;
}
