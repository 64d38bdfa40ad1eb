/** The U-Net of Dhariwal & Nichol (2021) in its original layout, with all options of improved and guided diffusion. */
import type { Expr } from "../graph/index.ts";
import { type AdmParts, admDecoder, admEncoder, admMiddle } from "./adm.ts";
import { counts, halvable, levelChannels } from "./admissible.ts";
import type { BlockInit } from "./block.ts";
import { headsOf } from "./dhariwal-unet.ts";
import { positionalEmbedding } from "./embeddings.ts";
import { defaultInit, type LayerInit } from "./init.ts";
import { conv, linear, norm } from "./layers.ts";
import type { Network, NetworkInputs } from "./network.ts";
import type { Scope } from "./scope.ts";
import { toldGuidance } from "./told-guidance.ts";

/** What the U-Net and the encoder have in common. */
export interface AdmOptions {
  /** Default 192. */
  readonly modelChannels?: number;
  /** Channels of each level, finest first, in units of `modelChannels`; each level halves the image. Default [1, 2, 3, 4]. */
  readonly channelMult?: readonly number[];
  /** Residual blocks per level of the encoder; the decoder has one more. Default 3. */
  readonly numResBlocks?: number;
  /** Factors by which the image is smaller at the levels whose blocks have self-attention; default [2, 4, 8]. */
  readonly attentionDownsampleFactors?: readonly number[];
  /** Channels of an attention head; narrower layers have one head. Default 64; not together with `heads`. */
  readonly channelsPerHead?: number;
  /** Attention heads of every layer, in place of a head's width. */
  readonly heads?: number;
  /** Whether residual blocks change the resolution, or plain layers; default true. */
  readonly resblockUpdown?: boolean;
  /** Whether those plain layers are 3×3 convolutions, or averaging and repeating alone; default true. */
  readonly convResample?: boolean;
  /** Whether the embedding scales and shifts the second norm of a block, or is added before it; default true. */
  readonly scaleShiftNorm?: boolean;
  /** Whether queries, keys and values are split before the heads; default false, as in the published weights. */
  readonly newAttentionOrder?: boolean;
  /** Share of features dropped in training; default 0. Published: 0.1 for ImageNet-64, 0.3 for CIFAR-10. */
  readonly dropout?: number;
  /** Groups of every norm; default 32, as published. Channels must be multiples of it. */
  readonly groups?: number;
}

export interface AdmUNetConfig extends AdmOptions {
  readonly type: "adm-unet";
  /** Channels of the output; default those of the input. Learned variances need twice as many. */
  readonly outChannels?: number;
}

const zero: LayerInit = { type: "kaiming-uniform", gain: 0 };
const init: BlockInit = { layers: defaultInit, last: zero, qkv: defaultInit };

/** F(x; timestep) for images. */
export const admUNet: Network<AdmUNetConfig> = (s, inputs, config) => {
  const { x } = inputs;
  const { outChannels = x.shape[1], groups = 32 } = config;
  counts("adm-unet", { outChannels });
  const parts = admParts("adm-unet", x, config);
  const embedding = admEmbedding(s, inputs, config);
  const skips = admEncoder(s, x, embedding, parts);
  const h = admDecoder(s, admMiddle(s, "dec", skips.at(-1)!, embedding, parts), skips, embedding, parts);
  return conv(s.at("out_conv"), norm(s.at("out_norm"), h, { groups }).silu(), { outChannels, init: zero });
};

/** The options as parts, checked. */
export function admParts(where: string, x: Expr, options: AdmOptions): AdmParts {
  const { modelChannels = 192, channelMult = [1, 2, 3, 4], numResBlocks = 3 } = options;
  const { attentionDownsampleFactors = [2, 4, 8], heads, channelsPerHead = 64, newAttentionOrder = false } = options;
  const { resblockUpdown = true, convResample = true, scaleShiftNorm = true, dropout = 0, groups = 32 } = options;
  counts(where, { numResBlocks, channelsPerHead, groups, ...(heads !== undefined && { heads }) });
  const channels = levelChannels(where, modelChannels, channelMult);
  halvable(where, x, channels.length);
  return {
    stem: channels[0],
    channels,
    numBlocks: numResBlocks,
    attentionAt: (factor) => attentionDownsampleFactors.includes(factor),
    heads: heads === undefined ? headsOf(channelsPerHead) : () => heads,
    order: newAttentionOrder ? "new" : "legacy",
    resampling: resblockUpdown ? "block" : convResample ? "convolution" : "plain",
    block: { adaptiveScale: scaleShiftNorm, dropout, groups: () => groups, init },
  };
}

/** silu(W₁ silu(W₀ e) + label): every block begins with the silu, so it is taken once. */
export function admEmbedding(
  s: Scope,
  { noise, labels, augment, guidance }: NetworkInputs,
  { modelChannels = 192 }: AdmOptions,
): Expr {
  const width = 4 * modelChannels;
  let e = positionalEmbedding(noise, modelChannels);
  if (augment) e = e.add(linear(s.at("map_augment"), augment, modelChannels, { init: zero, bias: false }));
  if (guidance) e = e.add(toldGuidance(s, guidance, modelChannels));
  e = linear(s.at("map_layer1"), linear(s.at("map_layer0"), e, width).silu(), width);
  if (labels)
    e = e.add(labels.matmul(s.at("map_label").param("weight", [labels.shape[1], width], { type: "normal", std: 1 })));
  return e.silu();
}
