/** The U-Net of Dhariwal & Nichol (2021) in the layout of Karras et al. (2022). */
import { type AdmParts, admDecoder, admEncoder, admMiddle } from "./adm.ts";
import { counts, halvable, levelChannels } from "./admissible.ts";
import type { BlockInit } from "./block.ts";
import { positionalEmbedding } from "./embeddings.ts";
import type { LayerInit } from "./init.ts";
import { conv, linear, norm } from "./layers.ts";
import type { Network } from "./network.ts";
import { toldGuidance } from "./told-guidance.ts";

export interface DhariwalUNetConfig {
  readonly type: "dhariwal-unet";
  /** Channels of the output; default those of the input. */
  readonly outChannels?: number;
  /** Default 192. */
  readonly modelChannels?: number;
  /** Channels of each level, finest first, in units of `modelChannels`; each level halves the image. Default [1, 2, 3, 4]. */
  readonly channelMult?: readonly number[];
  /** Width of the embedding, in units of `modelChannels`; default 4. */
  readonly channelMultEmb?: number;
  /** Residual blocks per level of the encoder; the decoder has one more. Default 3. */
  readonly numBlocks?: number;
  /** Sizes of the image's longer side at which blocks have self-attention; default [32, 16, 8]. */
  readonly attentionResolutions?: readonly number[];
  /** Default 64; narrower layers have one head. */
  readonly channelsPerHead?: number;
  /** Share of features dropped in training; default 0. Published: 0.1 for ImageNet-64. */
  readonly dropout?: number;
}

const layers: LayerInit = { type: "kaiming-uniform", gain: Math.sqrt(1 / 3), biasGain: Math.sqrt(1 / 3) };
const zero: LayerInit = { type: "kaiming-uniform", gain: 0 };
const init: BlockInit = { layers, last: zero, qkv: layers };

/** Heads of a fixed width; at least one. */
export const headsOf = (channelsPerHead: number) => (channels: number) =>
  Math.max(Math.floor(channels / channelsPerHead), 1);

/** F(x; c_noise) for images; the embedding is silu(W₁ silu(W₀ e) + label). */
export const dhariwalUNet: Network<DhariwalUNetConfig> = (s, { x, noise, labels, augment, guidance }, config) => {
  const { modelChannels = 192, channelMult = [1, 2, 3, 4], channelMultEmb = 4, numBlocks = 3 } = config;
  const { outChannels = x.shape[1], attentionResolutions = [32, 16, 8], channelsPerHead = 64, dropout = 0 } = config;
  counts("dhariwal-unet", { numBlocks, outChannels, channelMultEmb, channelsPerHead });
  const channels = levelChannels("dhariwal-unet", modelChannels, channelMult);
  halvable("dhariwal-unet", x, channels.length);

  const width = modelChannels * channelMultEmb;
  let e = positionalEmbedding(noise, modelChannels);
  if (augment) e = e.add(linear(s.at("map_augment"), augment, modelChannels, { init: zero, bias: false }));
  if (guidance) e = e.add(toldGuidance(s, guidance, modelChannels));
  e = linear(s.at("map_layer0"), e, width, { init: layers }).silu();
  e = linear(s.at("map_layer1"), e, width, { init: layers });
  if (labels) {
    const wide: LayerInit = { type: "kaiming-normal", gain: Math.sqrt(labels.shape[1]) };
    e = e.add(linear(s.at("map_label"), labels, width, { init: wide, bias: false }));
  }
  const embedding = e.silu();

  const side = Math.max(x.shape[2], x.shape[3]);
  const parts: AdmParts = {
    stem: channels[0],
    channels,
    numBlocks,
    attentionAt: (factor) => attentionResolutions.includes(side / factor),
    heads: headsOf(channelsPerHead),
    order: "interleaved",
    resampling: "block",
    block: { adaptiveScale: true, dropout, init },
  };
  const skips = admEncoder(s, x, embedding, parts);
  const h = admDecoder(s, admMiddle(s, "dec", skips.at(-1)!, embedding, parts), skips, embedding, parts);
  return conv(s.at("out_conv"), norm(s.at("out_norm"), h).silu(), { outChannels, init: zero });
};
