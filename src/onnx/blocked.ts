/**
 * A convolution and its input gradient in ONNX Runtime's blocked layout, in which they run near the processor's peak. ONNX
 * Runtime uses it by itself only where filters are constants; here the ops are emitted. Each function gives `undefined`
 * where the layout does not fit, and the caller falls back to the plain one.
 */
import type { ConvAttrs, Expr, Shape } from "../graph/index.ts";
import { turnedPads } from "./convolution.ts";
import type { Emit } from "./emit.ts";
import type { Held, Layouts } from "./layouts.ts";

/** What a convolution may add in the same pass: one number for each output channel, and an image of its own shape. */
export interface Extras {
  /** [K]. */
  readonly bias?: Expr;
  readonly plus?: Expr;
}

export const ceilTo = (n: number, block: number) => Math.ceil(n / block) * block;

/**
 * How an image of `channels` channels enters a blocked convolution: blocked, or as it is if it has fewer channels than
 * a block (then the filters have a layout of their own).
 */
export function entrance({ block }: Emit, channels: number): "blocked" | "plain" | undefined {
  if (block === 0) return undefined;
  return channels % block === 0 ? "blocked" : channels < block ? "plain" : undefined;
}

/** Whether {@link blockedConv} or {@link blockedInputGrad} takes the node. */
export function fitsBlocked({ emit }: Layouts, y: Expr): boolean {
  const [image, filter] = y.inputs;
  const { stride, pads, groups } = y.attrs as ConvAttrs;
  const turns = y.op === "conv2dInputGrad";
  if (groups !== 1 || entrance(emit, image.shape[1]) === undefined) return false;
  if (turns && (stride !== 1 || turnedPads(pads, filter.shape.slice(2)).some((n) => n < 0))) return false;
  return filter.shape[0] * filter.shape[1] >= emit.block ** 2 / 4 && y.shape[2] * y.shape[3] > 1;
}

/** Pads one axis with zeros up to whole blocks. */
export function padAxis(emit: Emit, x: string, shape: Shape, axis: number): string {
  const missing = ceilTo(shape[axis], emit.block) - shape[axis];
  if (missing === 0) return x;
  const margins = [...shape.map(() => 0), ...shape.map((_, i) => (i === axis ? missing : 0))];
  return emit.once(`whole blocks ${axis} ${x}`, () => [emit.node("Pad", [x, emit.ints(margins)])])[0];
}

/** A value seen as `shape`, with its axes in another order. */
export const permuted = (emit: Emit, x: string, shape: Shape, perm: readonly number[]): string =>
  emit.node("Transpose", [emit.node("Reshape", [x, emit.ints(shape)])], { perm });

/**
 * Filters [K, C, h, w] in blocks: [K/n, C/n, h, w, n of C, n of K], or [K/n, C, h, w, n of K] for a plain image. In
 * steps for which ONNX Runtime has fast kernels: blocks of n × n numbers are turned, or whole runs of n moved.
 */
function blockFilter(layouts: Layouts, filter: Expr, enters: "blocked" | "plain"): string {
  const { emit } = layouts;
  const n = emit.block;
  const [k, c, h, w] = [ceilTo(filter.shape[0], n), ...filter.shape.slice(1)];
  return emit.once(`blocked filter ${filter.id}`, () => {
    if (isConstant(filter)) return [emit.floats(constantFilter(filter, n, enters, false), [k, c, h, w])];
    const whole = padAxis(emit, layouts.plain(filter), filter.shape, 0);
    const outputsLast = layouts.node("ReorderInput", [layouts.view(whole, [k / n, n, c, h * w])]);
    const blocks =
      enters === "plain" ? outputsLast : permuted(emit, outputsLast, [k / n, c / n, n, h * w, n], [0, 1, 3, 2, 4]);
    return [emit.node("Reshape", [blocks, emit.ints([k, c, h, w])])];
  })[0];
}

/**
 * Filters [K, C, h, w] for the input gradient: turned by 180°, inputs and outputs exchanged, in blocks
 * [C/n, K/n, h, w, n of K, n of C], or [C/n, K, h, w, n of C] for a plain dy.
 */
function turnedFilter(layouts: Layouts, filter: Expr, enters: "blocked" | "plain"): string {
  const { emit } = layouts;
  const n = emit.block;
  const [k, c, h, w] = [filter.shape[0], ceilTo(filter.shape[1], n), filter.shape[2], filter.shape[3]];
  const taps = h * w;
  return emit.once(`turned filter ${filter.id}`, () => {
    if (isConstant(filter)) return [emit.floats(constantFilter(filter, n, enters, true), [c, k, h, w])];
    let blocks: string;
    if (enters === "blocked" && c === filter.shape[1]) {
      const rows = layouts.view(blockFilter(layouts, filter, "blocked"), [(k / n) * (c / n) * taps, n, 1, n]);
      blocks = permuted(emit, layouts.node("ReorderInput", [rows]), [k / n, c / n, taps, n * n], [1, 0, 2, 3]);
    } else {
      const whole = padAxis(emit, layouts.plain(filter), filter.shape, 1);
      const outputsLast = permuted(emit, whole, [k * (c / n), n, taps], [0, 2, 1]); // [K, C/n, taps, n of C]
      blocks =
        enters === "blocked"
          ? permuted(emit, outputsLast, [k / n, n, c / n, taps, n], [2, 0, 3, 1, 4])
          : permuted(emit, outputsLast, [k, c / n, taps, n], [1, 0, 2, 3]);
    }
    if (taps === 1) return [emit.node("Reshape", [blocks, emit.ints([c, k, h, w])])];
    // Taps in reverse order; whole runs move.
    const runs = emit.ints(enters === "blocked" ? [(c / n) * (k / n), taps, n * n] : [(c / n) * k, taps, n]);
    const backwards = emit.ints(Array.from({ length: taps }, (_, i) => taps - 1 - i));
    const reversed = emit.node("Gather", [emit.node("Reshape", [blocks, runs]), backwards], { axis: 1 });
    return [emit.node("Reshape", [reversed, emit.ints([c, k, h, w])])];
  })[0];
}

function isConstant(x: Expr): x is Expr<"constant"> & Expr {
  return x.op === "constant";
}

/** What {@link blockFilter} and {@link turnedFilter} make of filters that are known. */
function constantFilter(filter: Expr<"constant">, n: number, enters: "blocked" | "plain", turned: boolean) {
  const { data, shape } = filter.attrs;
  const [k, c, h, w] = shape;
  const taps = h * w;
  const [outputs, inputs] = turned ? [c, k] : [k, c];
  const out = new Float32Array(ceilTo(outputs, n) * inputs * taps);
  const lanes = enters === "blocked" ? n : 1;
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++)
      for (let tap = 0; tap < taps; tap++) {
        const block = Math.floor(o / n) * Math.ceil(inputs / lanes) + Math.floor(i / lanes);
        const at = ((block * taps + tap) * lanes + (i % lanes)) * n + (o % n);
        out[at] = turned ? data[(i * c + o) * taps + taps - 1 - tap] : data[(o * c + i) * taps + tap];
      }
  return out;
}

interface Convolution extends Extras {
  readonly image: Expr;
  /** Filters in the layout that `entrance` asks for, padded to whole blocks of outputs. */
  readonly filter: string;
  readonly outputs: number;
  readonly kernel: readonly number[];
  readonly stride: number;
  readonly pads: ConvAttrs["pads"];
}

function convolve(layouts: Layouts, { image, filter, outputs, kernel, stride, pads, bias, plus }: Convolution): Held {
  const { emit } = layouts;
  const x = entrance(emit, image.shape[1]) === "blocked" ? layouts.blocked(image) : layouts.plain(image);
  const numbers = bias && padAxis(emit, layouts.view(layouts.plain(bias), [outputs]), [outputs], 0);
  const inputs = [x, filter, numbers ?? "", plus ? layouts.blocked(plus) : ""];
  while (inputs.at(-1) === "") inputs.pop();
  const attributes = { kernel_shape: kernel, strides: [stride, stride], pads, group: 1 };
  const blocked = layouts.node("Conv", inputs, attributes);
  if (outputs % emit.block === 0) return { blocked };
  return { plain: layouts.node("ReorderOutput", [blocked], { channels: outputs }) };
}

/** The convolution of an image. */
export function blockedConv(
  layouts: Layouts,
  y: Expr,
  { stride, pads }: ConvAttrs,
  [image, filter]: readonly Expr[],
  extras: Extras = {},
): Held | undefined {
  if (!fitsBlocked(layouts, y)) return undefined;
  const [outputs, channels, ...kernel] = filter.shape;
  const blocks = blockFilter(layouts, filter, entrance(layouts.emit, channels)!);
  return convolve(layouts, { image, filter: blocks, outputs, kernel, stride, pads, ...extras });
}

/** The gradient of a stride-1 convolution with respect to its image: a convolution of dy with turned filters. */
export function blockedInputGrad(
  layouts: Layouts,
  dx: Expr,
  { pads }: ConvAttrs,
  [dy, filter]: readonly Expr[],
  extras: Extras = {},
): Held | undefined {
  if (!fitsBlocked(layouts, dx)) return undefined;
  const [channels, outputs, ...kernel] = filter.shape;
  const blocks = turnedFilter(layouts, filter, entrance(layouts.emit, channels)!);
  const around = turnedPads(pads, kernel);
  return convolve(layouts, { image: dy, filter: blocks, outputs, kernel, stride: 1, pads: around, ...extras });
}
