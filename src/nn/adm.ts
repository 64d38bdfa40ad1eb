/**
 * The U-Net of Dhariwal & Nichol (2021): encoder and decoder of residual blocks with concatenated skips, a middle of
 * block, attention, block, and attention at listed levels on both ways. Its two published layouts and the encoder alone
 * differ in what {@link AdmParts} holds.
 */
import { concat, type Expr } from "../graph/index.ts";
import type { QkvOrder } from "./attention.ts";
import { type BlockInit, type BlockOptions, residualBlock } from "./block.ts";
import { conv, resampled } from "./layers.ts";
import type { Scope } from "./scope.ts";

export interface AdmParts {
  /** Channels of the first convolution. */
  readonly stem: number;
  /** Channels of each level, finest first. */
  readonly channels: readonly number[];
  /** Residual blocks per level. */
  readonly numBlocks: number;
  /** Whether the blocks of a level have attention, given the factor by which it is smaller than the image. */
  readonly attentionAt: (factor: number) => boolean;
  readonly heads: (channels: number) => number;
  readonly order: QkvOrder;
  /** Whether residual blocks change the resolution, or plain layers: 3×3 convolutions, or nothing but the change. */
  readonly resampling: "block" | "convolution" | "plain";
  /** What all blocks share. */
  readonly block: Partial<BlockOptions> & { readonly init: BlockInit };
}

/** A level's size as a part of names. */
const sized =
  (s: Scope, part: string, x: Expr, factor = 1) =>
  (name: string) =>
    s.at(`${part}/${x.shape[2] / factor}x${x.shape[3] / factor}_${name}`);

const withAttention = (parts: AdmParts, outChannels: number) => ({
  attention: { heads: parts.heads(outChannels), order: parts.order },
});

/** All features on the way down: those after the first convolution, every block and every change of resolution. */
export function admEncoder(s: Scope, x: Expr, embedding: Expr, parts: AdmParts): Expr[] {
  const { stem, channels, numBlocks, attentionAt, resampling, block } = parts;
  const { layers } = block.init;
  let h = conv(sized(s, "enc", x)("conv"), x, { outChannels: stem, init: layers });
  const features = [h];
  for (const [level, outChannels] of channels.entries()) {
    const at = sized(s, "enc", x, 2 ** level);
    if (level > 0) {
      const same = h.shape[1];
      if (resampling === "block")
        h = residualBlock(at("down"), h, embedding, { ...block, outChannels: same, resample: "down" });
      else if (resampling === "convolution") h = conv(at("down"), h, { outChannels: same, stride: 2, init: layers });
      else h = resampled(h, "down");
      features.push(h);
    }
    for (let i = 0; i < numBlocks; i++) {
      const options = { ...block, outChannels, ...(attentionAt(2 ** level) && withAttention(parts, outChannels)) };
      h = residualBlock(at(`block${i}`), h, embedding, options);
      features.push(h);
    }
  }
  return features;
}

/** A block with attention and one without, at the coarsest level. */
export function admMiddle(s: Scope, part: "enc" | "dec", x: Expr, embedding: Expr, parts: AdmParts): Expr {
  const outChannels = x.shape[1];
  const at = sized(s, part, x);
  const options = { ...parts.block, outChannels };
  const h = residualBlock(at("in0"), x, embedding, { ...options, ...withAttention(parts, outChannels) });
  return residualBlock(at("in1"), h, embedding, options);
}

/** The features of the finest level on the way up, from the middle's and the encoder's. */
export function admDecoder(s: Scope, middle: Expr, skips: readonly Expr[], embedding: Expr, parts: AdmParts): Expr {
  const { channels, numBlocks, attentionAt, resampling, block } = parts;
  const left = [...skips];
  let h = middle;
  for (const [level, outChannels] of [...channels.entries()].reverse()) {
    const at = sized(s, "dec", skips[0], 2 ** level);
    if (level < channels.length - 1) {
      const same = h.shape[1];
      if (resampling === "block")
        h = residualBlock(at("up"), h, embedding, { ...block, outChannels: same, resample: "up" });
      else if (resampling === "convolution")
        h = conv(at("up"), h, { outChannels: same, resample: "up", init: block.init.layers });
      else h = resampled(h, "up");
    }
    for (let i = 0; i <= numBlocks; i++) {
      const options = { ...block, outChannels, ...(attentionAt(2 ** level) && withAttention(parts, outChannels)) };
      h = residualBlock(at(`block${i}`), concat([h, left.pop()!], 1), embedding, options);
    }
  }
  return h;
}
