/** The gradient of a convolution with respect to its filters in ONNX Runtime's blocked layout; see {@link blockedFilterGrad}. */
import { type ConvAttrs, type Expr, type OpAttrs, sizeOf } from "../graph/index.ts";
import { ceilTo, entrance, padAxis } from "./blocked.ts";
import { turnedPads } from "./convolution.ts";
import type { Held, Layouts } from "./layouts.ts";

/** Bytes of filters that stay in a core's second-level cache while images stream by. */
const cacheBytes = 2 ** 20;

/** Blocks of output channels that ONNX Runtime's convolution computes at once. */
const outputBlocks = 4;

/** One of the two factors: an image, and its number of blocks of n channels. */
interface Factor {
  readonly image: Expr;
  readonly blocks: number;
}

/**
 * The gradient with respect to the filters as a convolution in which batch and channels change places. One factor is its
 * image: the blocks of n channels stand below each other, [1, B, C/n · H, W · n] with B in blocks, and the n channels of
 * a block side by side along the width. The other one is its filters, [K, B, H, W]. Filters whose taps are n apart see
 * one channel at a time, and a stride of one image's height one block of channels at a time: so the product has a place
 * for every pair of channels, and for every tap of a row. There is one convolution for each row of taps, and these are
 * cut into bands of the filters' rows, each small enough for the cache; the products of the bands add up.
 *
 * Σ_p dy[p] x[p + tap − pad] is also Σ_q x[q] dy[q − tap + pad], so x and dy may change places, and then taps run
 * backwards. It costs more to prepare the image than the filters, and images of one block leave a thread idle.
 */
export function blockedFilterGrad(
  layouts: Layouts,
  { stride, pads, groups, kernel }: OpAttrs["conv2dFilterGrad"],
  [x, dy]: readonly Expr[],
): Held | undefined {
  const { emit } = layouts;
  const n = emit.block;
  const [batch, channels] = x.shape;
  const outputs = dy.shape[1];
  if (groups !== 1 || stride !== 1 || batch % n !== 0 || dy.shape[2] * dy.shape[3] === 1) return undefined;
  if (entrance(emit, channels) === undefined || entrance(emit, outputs) === undefined) return undefined;

  const factor = (image: Expr): Factor => ({ image, blocks: ceilTo(image.shape[1], n) / n });
  const turned = turnedPads(pads, kernel);
  const swaps = turned.every((p) => p >= 0) && (channels < n || (outputs >= n && outputs < channels));
  const [seen, filters] = swaps ? [factor(dy), factor(x)] : [factor(x), factor(dy)];
  const products = rowProducts(layouts, seen, filters, swaps ? turned : pads, kernel);

  // From runs of n filters [tap row, filters/n, 1 + blocks seen, tap column, n seen] in any order, and so to [K, C, taps].
  const [height, width] = kernel;
  const run = (tap: number, filterBlock: number, channel: number) => {
    const [row, column] = swaps
      ? [height - 1 - Math.floor(tap / width), width - 1 - (tap % width)]
      : [Math.floor(tap / width), tap % width];
    const block = (row * filters.blocks + filterBlock) * (1 + seen.blocks) + 1 + Math.floor(channel / n);
    return (block * width + column) * n + (channel % n);
  };
  const taps = sizeOf(kernel);
  const [order] = emit.once(`runs ${[swaps, channels, outputs, ...kernel]}`, () => {
    const order: number[] = [];
    const each = (filterBlock: number, channel: number) => {
      for (let tap = 0; tap < taps; tap++) order.push(run(tap, filterBlock, channel));
    };
    if (swaps) for (let k = 0; k < outputs; k++) for (let b = 0; b < filters.blocks; b++) each(b, k);
    else for (let b = 0; b < filters.blocks; b++) for (let c = 0; c < channels; c++) each(b, c);
    return [emit.places(Int32Array.from(order))];
  });
  const runs = emit.node("Reshape", [products, emit.ints([-1, n])]);
  const sorted = emit.node("Gather", [runs, order], { axis: 0 });
  const [shape, unblocked] = swaps
    ? [[outputs, filters.blocks * n, 1, taps], channels]
    : [[filters.blocks, n, channels, taps], Math.min(n, outputs)];
  const blocked = emit.node("Reshape", [sorted, emit.ints(shape)]);
  const plain = layouts.node("ReorderOutput", [blocked], { channels: unblocked });
  const unshaped = swaps ? [outputs, channels, 1, taps] : [filters.blocks, unblocked, channels, taps];
  return {
    plain: emit.node("Reshape", [plain, emit.ints([outputs, channels, ...kernel])]),
    loose: { name: plain, shape: unshaped },
  };
}

/** The convolutions of all rows of taps, in runs: [tap row, filters/n, 1 + blocks seen, tap column, n seen, n filters]. */
function rowProducts(
  layouts: Layouts,
  seen: Factor,
  filters: Factor,
  pads: ConvAttrs["pads"],
  kernel: readonly number[],
): string {
  const { emit } = layouts;
  const n = emit.block;
  const [batch, , h, w] = filters.image.shape;
  const gap = Math.max(pads[0], pads[2]);
  const height = gap + seen.image.shape[2];
  const images = imagesOf(layouts, seen, gap, pads);
  const size = bandRows(h, Math.min(filters.blocks, outputBlocks) * n * batch * w * 4);
  const products = Array.from({ length: kernel[0] }, (): readonly string[] => []);
  for (let from = 0; from < h; from += size) {
    const filter = filtersOf(layouts, filters, from, size);
    for (const [row, sum] of products.entries()) {
      // Images are skipped up to this row by way of a first product that lies above them all, and is zero.
      const first = gap - pads[0] + from + row;
      const attributes = {
        kernel_shape: [size, w],
        dilations: [1, n],
        strides: [height, 1],
        pads: [height - first, 0, Math.max(0, first + size - height), 0],
        group: 1,
      };
      products[row] = ["", layouts.node("Conv", [images, filter, ...sum], attributes)];
    }
  }
  const rows = products.map(([, product]) => product);
  return rows.length === 1 ? rows[0] : emit.node("Concat", rows, { axis: 0 });
}

/** The image in a frame of zeros, with `gap` rows between the blocks of channels. */
function imagesOf(layouts: Layouts, { image, blocks }: Factor, gap: number, pads: ConvAttrs["pads"]): string {
  const { emit } = layouts;
  const n = emit.block;
  const [batch, , height, width] = image.shape;
  const around = [gap, pads[1] * n, 0, pads[3] * n];
  const [framed] = emit.once(`framed images ${image.id} ${around}`, () => {
    const turned = emit.once(`turned images ${image.id}`, () => [
      layouts.node("ReorderInput", [layouts.view(wholeBlocks(layouts, image), [1, batch, blocks * height, width * n])]),
    ])[0];
    if (around.every((p) => p === 0)) return [turned];
    return [layouts.framed(turned, [1, batch * blocks, height, width * n], around)];
  });
  return layouts.view(framed, [1, batch, blocks * (gap + height), (width + pads[1] + pads[3]) * n]);
}

/** Rows of the image as filters, [K, B, rows, W] in blocks: the pixels of a block of channels, of n examples one after another. */
function filtersOf(layouts: Layouts, { image, blocks }: Factor, from: number, rows: number): string {
  const { emit } = layouts;
  const n = emit.block;
  const [batch, , h, w] = image.shape;
  const pixels = blocks * h * w;
  const [order] = emit.once(`pixels ${[batch, blocks, h, w, from, rows]}`, () => {
    const order = new Int32Array(blocks * batch * rows * w);
    let i = 0;
    for (let channels = 0; channels < blocks; channels++)
      for (let examples = 0; examples < batch; examples += n)
        for (let pixel = (channels * h + from) * w; pixel < (channels * h + from + rows) * w; pixel++)
          for (let example = examples; example < examples + n; example++) order[i++] = example * pixels + pixel;
    return [emit.places(order)];
  });
  const all = layouts.view(wholeBlocks(layouts, image), [batch * pixels, n]);
  return emit.node("Reshape", [
    emit.node("Gather", [all, order], { axis: 0 }),
    emit.ints([blocks * n, batch, rows, w]),
  ]);
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
