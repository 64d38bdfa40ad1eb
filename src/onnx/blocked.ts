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

/** Pads the first axis of a filter or bias with zeros up to whole blocks. */
function padOutputs(emit: Emit, x: string, shape: readonly number[]): string {
  const missing = ceilTo(shape[0], emit.block) - shape[0];
  if (missing === 0) return x;
  const margins = [...shape.map(() => 0), missing, ...shape.slice(1).map(() => 0)];
  return emit.once(`whole blocks ${x}`, () => [emit.node("Pad", [x, emit.ints(margins)])])[0];
}

/** Filters [K, C, h, w] in blocks: [K/n, C/n, h, w, n of C, n of K], or [K/n, C, h, w, n of K] for a plain image. */
function blockFilter(emit: Emit, filter: string, shape: readonly number[], enters: "blocked" | "plain"): string {
  return emit.once(`blocked filter ${filter}`, () => {
    const n = emit.block;
    const [k, c, h, w] = [ceilTo(shape[0], n), ...shape.slice(1)];
    const whole = padOutputs(emit, filter, shape);
    const [parts, perm] =
      enters === "blocked"
        ? [
            [k / n, n, c / n, n, h, w],
            [0, 2, 4, 5, 3, 1],
          ]
        : [
            [k / n, n, c, h, w],
            [0, 2, 3, 4, 1],
          ];
    const apart = emit.node("Reshape", [whole, emit.ints(parts)]);
    return [emit.node("Reshape", [emit.node("Transpose", [apart], { perm }), emit.ints([k, c, h, w])])];
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
    ...(bias !== undefined && { bias: padOutputs(emit, bias, [k]) }),
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
  const turned = emit.once(`turned filter ${filter}`, () => {
    const n = emit.block;
    const taps = sizeOf(kernel);
    const swapped = emit.node("Transpose", [filter], { perm: [1, 0, 2, 3] }); // [C, K, h, w]
    const outputs = ceilTo(c, n);
    const whole = padOutputs(emit, swapped, [c, k, ...kernel]);
    const [parts, perm] =
      enters === "blocked"
        ? [
            [outputs / n, n, k / n, n, taps],
            [0, 2, 4, 3, 1],
          ]
        : [
            [outputs / n, n, k, taps],
            [0, 2, 3, 1],
          ];
    const blocks = emit.node("Transpose", [emit.node("Reshape", [whole, emit.ints(parts)])], { perm });
    const last = emit.ints([-1]);
    // Taps in reverse order are the filters turned by 180°; whole blocks move.
    const reversed =
      taps === 1 ? blocks : emit.node("Slice", [blocks, last, emit.ints([-(2 ** 31)]), emit.ints([2]), last]);
    return [emit.node("Reshape", [reversed, emit.ints([outputs, k, ...kernel])])];
  })[0];
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

  const images = channelsFirst(emit, x, pads);
  const apart = emit.node("Reshape", [toBlocked(emit, dy), emit.ints([batch / n, n, k / n, h, w, n])]);
  const filters = emit.once(`as filters ${dy}`, () => [
    emit.node("Transpose", [apart], { perm: [2, 0, 3, 4, 1, 5] }),
  ])[0];
  const rows = bandRows(h, k * batch * w * 4);
  let total: string | undefined;
  for (let from = 0; from < h; from += rows) {
    const band = (value: string, to: number) =>
      rows === h ? value : emit.node("Slice", [value, emit.ints([from]), emit.ints([to]), emit.ints([2])]);
    const seen = emit.node("ReorderInput", [band(images, from + rows + kernel[0] - 1)], {}, domain);
    const filter = emit.node("Reshape", [band(filters, from + rows), emit.ints([k, batch, rows, w])]);
    const attributes = { kernel_shape: [rows, w], strides: [1, 1], pads: [0, 0, 0, 0], group: 1 };
    total = emit.node("Conv", [seen, filter, ...(total === undefined ? [] : ["", total])], attributes, domain);
  }
  // [C, K/n, h, w, n] → [K, C, h, w].
  const taps = sizeOf(kernel);
  const split = emit.node("Reshape", [total!, emit.ints([c, k / n, taps, n])]);
  const turned = emit.node("Transpose", [split], { perm: [1, 3, 0, 2] });
  return emit.node("Reshape", [turned, emit.ints([k, c, ...kernel])]);
}

/** The most rows, of `bytes` each, that divide the height and fit the cache. */
function bandRows(height: number, bytes: number): number {
  for (let rows = height; rows > 1; rows--) if (height % rows === 0 && rows * bytes <= cacheBytes) return rows;
  return 1;
}
