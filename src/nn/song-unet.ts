/**
 * The U-Net of Song et al. (2021) as re-implemented by Karras et al. (2022): DDPM++ and NCSN++ and all between. Blocks
 * are summed with a factor √½; an auxiliary path may carry the image down and the output up beside the features.
 */
import { ConfigError } from "../errors/index.ts";
import { concat, type Expr, firUp } from "../graph/index.ts";
import { counts, halvable, levelChannels, member } from "./admissible.ts";
import { type BlockInit, type BlockOptions, residualBlock } from "./block.ts";
import { embedNoise, type NoiseEmbedding } from "./embeddings.ts";
import type { LayerInit } from "./init.ts";
import { conv, linear, norm, resampled } from "./layers.ts";
import type { Network, NetworkInputs } from "./network.ts";
import type { Scope } from "./scope.ts";
import { toldGuidance } from "./told-guidance.ts";

export interface SongUNetConfig {
  readonly type: "song-unet";
  /** Channels of the output; default those of the input. */
  readonly outChannels?: number;
  /** Default 128. */
  readonly modelChannels?: number;
  /** Channels of each level, finest first, in units of `modelChannels`; each level halves the image. Default [2, 2, 2]. */
  readonly channelMult?: readonly number[];
  /** Width of the noise embedding, in units of `modelChannels`; default 4. */
  readonly channelMultEmb?: number;
  /** Residual blocks per level of the encoder; the decoder has one more. Default 4. */
  readonly numBlocks?: number;
  /** Sizes of the image's longer side at which blocks have self-attention; default [16]. */
  readonly attentionResolutions?: readonly number[];
  /**
   * Share of features dropped in training; default 0. Published: 0.13 for CIFAR-10, 0.05 for FFHQ, 0.25 for AFHQ. It
   * costs one random number a feature, so it is off unless asked for.
   */
  readonly dropout?: number;
  /** Default positional. */
  readonly embedding?: NoiseEmbedding;
  /** Width of sines and cosines of the noise label, in units of `modelChannels`; default 1. */
  readonly channelMultNoise?: number;
  /** Default `standard`. */
  readonly encoder?: AuxEncoder;
  /** Default `standard`. */
  readonly decoder?: AuxDecoder;
  /** Taps of the resampling filter, an even number of them; default [1, 1]. */
  readonly resampleFilter?: readonly number[];
}

/** The image beside the features on the way down: not at all, added through 1×1 filters, or in strided residual steps. */
export type AuxEncoder = "standard" | "skip" | "residual";
/** The output beside the features on the way up: only at the end, summed over levels, or in residual steps. */
export type AuxDecoder = "standard" | "skip" | "residual";

/** DDPM++ for 32×32 images, as trained by Karras et al. (2022) on CIFAR-10. */
export const ddpmpp: SongUNetConfig = { type: "song-unet", dropout: 0.13 };

/** NCSN++ for 32×32 images, as trained by Karras et al. (2022) on CIFAR-10. */
export const ncsnpp: SongUNetConfig = {
  type: "song-unet",
  dropout: 0.13,
  embedding: { type: "fourier" },
  channelMultNoise: 2,
  encoder: "residual",
  resampleFilter: [1, 3, 3, 1],
};

const layers: LayerInit = { type: "xavier-uniform" };
const last: LayerInit = { type: "xavier-uniform", gain: 1e-5 };
const init: BlockInit = { layers, last, qkv: { type: "xavier-uniform", gain: Math.sqrt(0.2) } };

type Filter = readonly number[];

/** The next features and the next state of the auxiliary path, one level down. */
const encoders: {
  readonly [T in AuxEncoder]: (
    at: (name: string) => Scope,
    h: Expr,
    aux: Expr,
    filter: Filter,
  ) => readonly [Expr, Expr];
} = {
  standard: (_, h, aux) => [h, aux],
  skip: (at, h, aux, filter) => {
    const image = resampled(aux, "down", filter);
    return [h.add(conv(at("aux_skip"), image, { outChannels: h.shape[1], kernel: 1, init: layers })), image];
  },
  residual: (at, h, aux, filter) => {
    const options = { outChannels: h.shape[1], resample: "down", filter, fused: true, init: layers } as const;
    const sum = h.add(conv(at("aux_residual"), aux, options)).mul(Math.SQRT1_2);
    return [sum, sum];
  },
};

interface AuxLevel {
  /** Makes the output from features. */
  readonly emit: (h: Expr, channels: number) => Expr;
  readonly outChannels: number;
  readonly filter: Filter;
  readonly finest: boolean;
}

/** The next features and the next state of the auxiliary path, after the blocks of a level; the last state is the output. */
const decoders: {
  readonly [T in AuxDecoder]: (
    at: (name: string) => Scope,
    h: Expr,
    aux: Expr | undefined,
    level: AuxLevel,
  ) => readonly [Expr, Expr | undefined];
} = {
  standard: (_, h, __, { emit, outChannels, finest }) => [h, finest ? emit(h, outChannels) : undefined],
  skip: (_, h, aux, { emit, outChannels, filter }) => {
    const output = emit(h, outChannels);
    return [h, aux ? firUp(aux, filter).add(output) : output];
  },
  residual: (at, h, aux, { emit, outChannels, filter, finest }) => {
    if (!aux) return [h, emit(h, finest ? outChannels : h.shape[1])];
    const options = { outChannels: h.shape[1], resample: "up", filter, fused: true, init: layers } as const;
    const sum = h.add(conv(at("aux_residual"), aux, options)).mul(Math.SQRT1_2);
    return [sum, finest ? emit(sum, outChannels) : sum];
  },
};

/** F(x; c_noise) for images. */
export const songUNet: Network<SongUNetConfig> = (s, inputs, config) => {
  const { modelChannels = 128, channelMult = [2, 2, 2], numBlocks = 4, attentionResolutions = [16] } = config;
  const { outChannels = inputs.x.shape[1], dropout = 0, resampleFilter: filter = [1, 1] } = config;
  const { encoder = "standard", decoder = "standard" } = config;
  counts("song-unet", { numBlocks, outChannels });
  if (filter.length === 0 || filter.length % 2 !== 0 || filter.reduce((a, b) => a + b, 0) === 0)
    throw new ConfigError(`song-unet: resampleFilter must have an even number of taps and a sum; got [${filter}].`);
  member("song-unet: encoder", encoder, encoders);
  member("song-unet: decoder", decoder, decoders);
  const channels = levelChannels("song-unet", modelChannels, channelMult);
  halvable("song-unet", inputs.x, channels.length);

  const embedding = embed(s, inputs, config, modelChannels);
  const common = { filter, resampleProj: true, skipScale: Math.SQRT1_2, eps: 1e-6, dropout, init };
  const block = (scope: Scope, x: Expr, options: BlockOptions) =>
    residualBlock(scope, x, embedding, { ...common, ...options });
  const attended = (x: Expr, outChannels: number): BlockOptions => {
    const listed = attentionResolutions.includes(Math.max(x.shape[2], x.shape[3]));
    return { outChannels, ...(listed && { attention: { heads: 1 } }) };
  };
  const [height, width] = inputs.x.shape.slice(2);
  const named = (part: string, level: number) => (name: string) =>
    s.at(`${part}/${height >> level}x${width >> level}_${name}`);

  // Encoder.
  let h = conv(named("enc", 0)("conv"), inputs.x, { outChannels: modelChannels, init: layers });
  let aux: Expr | undefined = inputs.x;
  const skips = [h];
  for (const [level, size] of channels.entries()) {
    const at = named("enc", level);
    if (level > 0) {
      h = block(at("down"), h, { outChannels: h.shape[1], resample: "down" });
      [h, aux] = encoders[encoder](at, h, aux, filter);
      skips.push(h);
    }
    for (let i = 0; i < numBlocks; i++) skips.push((h = block(at(`block${i}`), h, attended(h, size))));
  }

  // Decoder.
  aux = undefined;
  for (const [level, size] of [...channels.entries()].reverse()) {
    const at = named("dec", level);
    if (level === channels.length - 1) {
      h = block(at("in0"), h, { outChannels: h.shape[1], attention: { heads: 1 } });
      h = block(at("in1"), h, { outChannels: h.shape[1] });
    } else h = block(at("up"), h, { outChannels: h.shape[1], resample: "up" });
    for (let i = 0; i <= numBlocks; i++)
      h = block(
        at(`block${i}`),
        concat([h, skips.pop()!], 1),
        i < numBlocks ? { outChannels: size } : attended(h, size),
      );
    const emit = (x: Expr, outChannels: number) =>
      conv(at("aux_conv"), norm(at("aux_norm"), x, { eps: 1e-6 }).silu(), { outChannels, init: last });
    [h, aux] = decoders[decoder](at, h, aux, { emit, outChannels, filter, finest: level === 0 });
  }
  return aux!;
};

/** silu(W₁ silu(W₀ e)), e the sines and cosines of the noise label plus what labels and augmentation add. */
function embed(
  s: Scope,
  { noise, labels, augment, guidance }: NetworkInputs,
  config: SongUNetConfig,
  modelChannels: number,
) {
  const { embedding = { type: "positional" }, channelMultNoise = 1, channelMultEmb = 4 } = config;
  counts("song-unet", { channelMultNoise, channelMultEmb });
  const width = modelChannels * channelMultNoise;
  const half = width / 2;
  const waves = embedNoise(noise, width, embedding);
  let e = concat([waves.slice(1, half, width), waves.slice(1, 0, half)], 1); // [sin | cos]
  if (labels) e = e.add(linear(s.at("map_label"), labels.mul(Math.sqrt(labels.shape[1])), width, { init: layers }));
  if (augment) e = e.add(linear(s.at("map_augment"), augment, width, { init: layers, bias: false }));
  if (guidance) e = e.add(toldGuidance(s, guidance, width));
  const hidden = linear(s.at("map_layer0"), e, modelChannels * channelMultEmb, { init: layers }).silu();
  return linear(s.at("map_layer1"), hidden, modelChannels * channelMultEmb, { init: layers }).silu();
}
