/** The gradient of a convolution with respect to its filters in ONNX Runtime's blocked layout; see {@link blockedFilterGrad}. */
import { type ConvAttrs, type Expr, type OpAttrs, sizeOf } from "../graph/index.ts";
import { ceilTo, entrance, padAxis, permuted } from "./blocked.ts";
import type { Held, Layouts } from "./layouts.ts";

/** Bytes of filters that stay in a core's second-level cache while images stream by. */
const cacheBytes = 2 ** 20;

/** Blocks of output channels that ONNX Runtime's convolution computes at once. */
const outputBlocks = 4;

/** Part of a batch of images: one block of n examples, and rows of their images. */
interface Band {
  readonly block: number;
  readonly from: number;
  readonly rows: number;
}

/**
 * The gradient with respect to the filters as a convolution in which batch and channels change places: images
 * [C/n, B, H, W·n] with B in blocks, under "filters" [K, B, H, W] that are dy. The n channels of a block lie side by
 * side along the width, and filters whose taps are n apart see one of them at a time: so the product has a place for
 * every tap and channel. It is cut into blocks of the batch and bands of rows, each small enough for the cache; the
 * products of the pieces add up. Pieces are cut out by Gather, which uses all threads, as Slice does not.
 */
export function blockedFilterGrad(
  layouts: Layouts,
  { stride, pads, groups, kernel }: OpAttrs["conv2dFilterGrad"],
  [x, dy]: readonly Expr[],
): Held | undefined {
  const { emit } = layouts;
  const n = emit.block;
  const [batch, channels] = x.shape;
  const [, outputs, h, w] = dy.shape;
  if (groups !== 1 || stride !== 1 || batch % n !== 0 || h * w === 1) return undefined;
  if (entrance(emit, channels) === undefined || entrance(emit, outputs) === undefined) return undefined;
  const [c, k] = [ceilTo(channels, n), ceilTo(outputs, n)];

  const rows = bandRows(h, Math.min(k, outputBlocks * n) * n * w * 4);
  let total: readonly string[] = [];
  for (let block = 0; block < batch / n; block++)
    for (let from = 0; from < h; from += rows) {
      const seen = imagesOf(layouts, x, pads, { block, from, rows: rows + kernel[0] - 1 });
      const inputs = [seen, filtersOf(layouts, dy, { block, from, rows }), ...total];
      const attributes = { kernel_shape: [rows, w], dilations: [1, n], strides: [1, 1], pads: [0, 0, 0, 0], group: 1 };
      total = ["", layouts.node("Conv", inputs, attributes)];
    }

  // [C/n, K/n, taps, n of C, n of K] → [K/n, C, taps, n of K] → [K, C, taps].
  const taps = sizeOf(kernel);
  const apart = permuted(emit, total[1], [c / n, k / n, taps, n, n], [1, 0, 3, 2, 4]);
  const rowsOfOutputs = emit.node("Reshape", [apart, emit.ints([k / n, n, c, taps])]);
  const plain = layouts.node("ReorderOutput", [rowsOfOutputs], { channels: n });
  const whole = emit.node("Reshape", [plain, emit.ints([k, c, ...kernel])]);
  if (c === channels && k === outputs) return { plain: whole };
  const ends = emit.ints([outputs, channels]);
  return { plain: emit.node("Slice", [whole, emit.ints([0, 0]), ends, emit.ints([0, 1])]) };
}

/** Rows of x with a frame of zeros, [C/n, n of B, rows, W · n of C] with n of B innermost. */
function imagesOf(layouts: Layouts, x: Expr, pads: ConvAttrs["pads"], { block, from, rows }: Band): string {
  const { emit } = layouts;
  const n = emit.block;
  const [batch, channels, height, width] = x.shape;
  const blocks = ceilTo(channels, n) / n;
  const [framedHeight, framedWidth] = [height + pads[0] + pads[2], width + pads[1] + pads[3]];
  const framed = emit.once(`framed images ${x.id} ${pads}`, () => {
    const turned = emit.once(`turned images ${x.id}`, () => [
      layouts.node("ReorderInput", [layouts.view(wholeBlocks(layouts, x), [1, batch, blocks * height, width * n])]),
    ])[0];
    if (pads.every((p) => p === 0)) return [turned];
    return [
      layouts.framed(turned, [1, batch * blocks, height, width * n], [pads[0], pads[1] * n, pads[2], pads[3] * n]),
    ];
  })[0];
  const shape = emit.ints([blocks, n, rows, framedWidth * n]);
  if (batch === n && rows === framedHeight) return emit.node("Reshape", [framed, shape]);
  const row = (i: number) => (block * blocks + Math.floor(i / rows)) * framedHeight + from + (i % rows);
  const [order] = emit.once(`rows ${[batch, blocks, framedHeight, block, from, rows]}`, () => [
    emit.places(Int32Array.from({ length: blocks * rows }, (_, i) => row(i))),
  ]);
  const all = layouts.view(framed, [(batch / n) * blocks * framedHeight, framedWidth * n * n]);
  return emit.node("Reshape", [emit.node("Gather", [all, order], { axis: 0 }), shape]);
}

/** Rows of dy as filters, [K, n of B, rows, W] in blocks: each pixel of a block of channels, of n examples one after another. */
function filtersOf(layouts: Layouts, dy: Expr, { block, from, rows }: Band): string {
  const { emit } = layouts;
  const n = emit.block;
  const [batch, outputs, h, w] = dy.shape;
  const k = ceilTo(outputs, n);
  const pixels = (k / n) * h * w;
  const [order] = emit.once(`pixels ${[batch, k, h, w, block, from, rows]}`, () => {
    const order = new Int32Array(k * rows * w);
    let i = 0;
    for (let channels = 0; channels < k / n; channels++)
      for (let pixel = (channels * h + from) * w; pixel < (channels * h + from + rows) * w; pixel++)
        for (let example = block * n; example < (block + 1) * n; example++) order[i++] = example * pixels + pixel;
    return [emit.places(order)];
  });
  const all = layouts.view(wholeBlocks(layouts, dy), [batch * pixels, n]);
  return emit.node("Reshape", [emit.node("Gather", [all, order], { axis: 0 }), emit.ints([k, n, rows, w])]);
}

/** The image in the blocked layout, with channels of zeros up to a whole block. */
function wholeBlocks(layouts: Layouts, x: Expr): string {
  if (x.shape[1] % layouts.emit.block === 0) return layouts.blocked(x);
  const padded = padAxis(layouts.emit, layouts.plain(x), x.shape, 1);
  return layouts.emit.once(`whole image ${x.id}`, () => [layouts.node("ReorderInput", [padded])])[0];
}

/** The most rows, of `bytes` each, that divide the height and fit the cache. */
function bandRows(height: number, bytes: number): number {
  for (let rows = height; rows > 1; rows--) if (height % rows === 0 && rows * bytes <= cacheBytes) return rows;
  return 1;
}
