/** Noise labels as vectors of sines and cosines. */
import { ConfigError } from "../errors/index.ts";
import { concat, constant, type Expr, lift } from "../graph/index.ts";
import { normals } from "../random/index.ts";
import { member } from "./admissible.ts";

/**
 * How a network sees its noise label, by name and constants. Random frequencies are not parameters: they follow from
 * the seed, or are listed, so that a network's config restores them.
 */
export type NoiseEmbedding =
  | {
      readonly type: "positional";
      /** The longest wavelength is about 2π times this; default 10000. */
      readonly maxPositions?: number;
    }
  | {
      readonly type: "fourier";
      /** Standard deviation of the random frequencies; default 16 (Song et al. 2021). */
      readonly scale?: number;
      /** Seed of the random frequencies; default 0. */
      readonly seed?: number;
      /** The frequencies themselves, in place of random ones: half as many as the embedding has channels. */
      readonly frequencies?: readonly number[];
    }
  /** No embedding: the network is not told the noise level. */
  | { readonly type: "zero" };

/** [cos(f₀ x), …, sin(f₀ x), …] of x [B] as [B, channels]; an odd channel stays 0. */
function waves(x: Expr, frequencies: readonly number[], channels = 2 * frequencies.length): Expr {
  const batch = x.shape[0];
  const angles = x.reshape([batch, 1]).mul(constant(frequencies, [1, frequencies.length]));
  const both = concat([angles.cos(), angles.sin()], 1);
  return both.pad([0, 0], [0, channels - 2 * frequencies.length]);
}

/**
 * [cos | sin] of x · maxPositions^(−j/n), j = 0 … half − 1, for x [B] (Vaswani et al. 2017). n is half the channels, so
 * that the lowest frequency is just above 1 / maxPositions, or with `endpoint` one less, so that it is exactly that.
 */
export function positionalEmbedding(
  x: Expr,
  channels: number,
  { maxPositions = 10000, endpoint = false }: { readonly maxPositions?: number; readonly endpoint?: boolean } = {},
): Expr {
  const half = Math.floor(channels / 2);
  const n = Math.max(half - Number(endpoint), 1);
  return waves(
    x,
    Array.from({ length: half }, (_, j) => maxPositions ** (-j / n)),
    channels,
  );
}

/** [cos | sin] of 2π f x for x [B] (Tancik et al. 2020). */
export const fourierEmbedding = (x: Expr, frequencies: readonly number[]): Expr =>
  waves(
    x,
    frequencies.map((f) => 2 * Math.PI * f),
  );

type Spec<T> = Extract<NoiseEmbedding, { type: T }>;

const embeddings: { readonly [T in NoiseEmbedding["type"]]: (x: Expr, channels: number, spec: Spec<T>) => Expr } = {
  positional: (x, channels, { maxPositions = 10000 }) =>
    positionalEmbedding(x, channels, { maxPositions, endpoint: true }),
  fourier: (x, channels, { scale = 16, seed = 0, frequencies }) => {
    const count = channels / 2;
    const drawn = frequencies ?? normals(seed, "fourier frequencies", 0, count).map((f) => scale * f);
    if (drawn.length !== count)
      throw new ConfigError(`embedding fourier: ${channels} channels take ${count} frequencies; got ${drawn.length}.`);
    return fourierEmbedding(x, [...drawn]);
  },
  zero: (x, channels) => lift(0).expand([x.shape[0], channels]),
};

/** The names of all noise embeddings. */
export const embeddingNames = Object.keys(embeddings) as readonly NoiseEmbedding["type"][];

/** The embedding [B, channels] of noise labels [B], in the order [cos | sin]; the channels are even. */
export function embedNoise(x: Expr, channels: number, spec: NoiseEmbedding): Expr {
  member("embedding", spec.type, embeddings);
  if (channels % 2 !== 0) throw new ConfigError(`embedding ${spec.type}: channels must be even; got ${channels}.`);
  return embed(spec.type, x, channels, spec);
}

function embed<T extends NoiseEmbedding["type"]>(type: T, x: Expr, channels: number, spec: Spec<T>): Expr {
  return embeddings[type](x, channels, spec);
}
