/**
 * The U-Net of Dhariwal & Nichol (2021): encoder and decoder of residual blocks with concatenated skips, a middle of
 * block, attention, block, and attention at listed levels on both ways. Its two published layouts and the encoder alone
 * differ in what {@link AdmParts} holds.
 */
import { concat, type Expr } from "../graph/index.ts";
import type { QkvOrder } from "./attention.ts";
import { type BlockInit, type BlockOptions, residualBlock } from "./block.ts";
import { conv, type Resample, resampled } from "./layers.ts";
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

/** Scopes of one level, named after its size. */
const sized = (s: Scope, part: string, h: number, w: number) => (name: string) => s.at(`${part}/${h}x${w}_${name}`);

/** What the blocks of a level have: attention at the listed ones. */
const levelBlock = (parts: AdmParts, level: number): BlockOptions => {
  const outChannels = parts.channels[level];
  return { ...parts.block, outChannels, ...(parts.attentionAt(2 ** level) && withAttention(parts, outChannels)) };
};
const withAttention = ({ heads, order }: AdmParts, channels: number) => ({
  attention: { heads: heads(channels), order },
});

const resizers: {
  readonly [T in AdmParts["resampling"]]: (s: Scope, x: Expr, to: Resample, embedding: Expr, parts: AdmParts) => Expr;
} = {
  block: (s, x, resample, embedding, { block }) =>
    residualBlock(s, x, embedding, { ...block, outChannels: x.shape[1], resample }),
  convolution: (s, x, to, _, { block }) => {
    const options = { outChannels: x.shape[1], init: block.init.layers };
    return conv(s, x, to === "down" ? { ...options, stride: 2 } : { ...options, resample: to });
  },
  plain: (_, x, to) => resampled(x, to),
};

/** All features on the way down: those after the first convolution, every block and every change of resolution. */
export function admEncoder(s: Scope, x: Expr, embedding: Expr, parts: AdmParts): Expr[] {
  const [height, width] = x.shape.slice(2);
  let h = conv(sized(s, "enc", height, width)("conv"), x, { outChannels: parts.stem, init: parts.block.init.layers });
  const features = [h];
  for (const level of parts.channels.keys()) {
    const at = sized(s, "enc", height >> level, width >> level);
    if (level > 0) features.push((h = resizers[parts.resampling](at("down"), h, "down", embedding, parts)));
    for (let i = 0; i < parts.numBlocks; i++)
      features.push((h = residualBlock(at(`block${i}`), h, embedding, levelBlock(parts, level))));
  }
  return features;
}

/** A block with attention and one without, at the coarsest level. */
export function admMiddle(s: Scope, part: "enc" | "dec", x: Expr, embedding: Expr, parts: AdmParts): Expr {
  const [, outChannels, height, width] = x.shape;
  const at = sized(s, part, height, width);
  const options = { ...parts.block, outChannels };
  const h = residualBlock(at("in0"), x, embedding, { ...options, ...withAttention(parts, outChannels) });
  return residualBlock(at("in1"), h, embedding, options);
}

/** The features of the finest level on the way up, from the middle's and the encoder's. */
export function admDecoder(s: Scope, middle: Expr, skips: readonly Expr[], embedding: Expr, parts: AdmParts): Expr {
  const [height, width] = skips[0].shape.slice(2);
  const left = [...skips];
  let h = middle;
  for (let level = parts.channels.length - 1; level >= 0; level--) {
    const at = sized(s, "dec", height >> level, width >> level);
    if (level < parts.channels.length - 1) h = resizers[parts.resampling](at("up"), h, "up", embedding, parts);
    for (let i = 0; i <= parts.numBlocks; i++)
      h = residualBlock(at(`block${i}`), concat([h, left.pop()!], 1), embedding, levelBlock(parts, level));
  }
  return h;
}
