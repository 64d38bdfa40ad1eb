/** The residual block that all U-Nets here are made of (Karras et al. 2022, their re-implementation of NCSN++ and ADM). */
import { type Expr, split } from "../graph/index.ts";
import { type QkvOrder, qkvAttention } from "./attention.ts";
import { defaultInit, type LayerInit } from "./init.ts";
import { conv, linear, norm, type Resample, resampled } from "./layers.ts";
import type { Scope } from "./scope.ts";

/** How the three kinds of layers in a block start. */
export interface BlockInit {
  readonly layers: LayerInit;
  /** The last layer before each sum, which starts at or near zero so that the block starts as its skip path. */
  readonly last: LayerInit;
  /** The layer that makes queries, keys and values. */
  readonly qkv: LayerInit;
}

export interface AttentionOptions {
  readonly heads: number;
  /** Default `interleaved`. */
  readonly order?: QkvOrder;
}

export interface BlockOptions {
  readonly outChannels: number;
  readonly resample?: Resample;
  /** Taps of the resampling filter; default [1, 1]. */
  readonly filter?: readonly number[];
  /** Puts a 1×1 convolution on the skip path of resampling blocks even if the channels stay the same; default false. */
  readonly resampleProj?: boolean;
  /** Whether the embedding scales and shifts the second norm, or is added before it; default false. */
  readonly adaptiveScale?: boolean;
  /** Factor on each sum; √½ keeps the variance. Default 1. */
  readonly skipScale?: number;
  /** Of the norms; default 1e-5. */
  readonly eps?: number;
  /** Groups of the norms for a number of channels; default {@link groupsOf}. */
  readonly groups?: (channels: number) => number;
  readonly attention?: AttentionOptions;
  readonly dropout?: number;
  readonly init?: BlockInit;
}

const plainInit: BlockInit = { layers: defaultInit, last: { ...defaultInit, gain: 0, biasGain: 0 }, qkv: defaultInit };

/**
 * From x [B, C, H, W] and an embedding [B, E]:
 *   h = conv0(silu(norm0(x))), resampled
 *   h = conv1(dropout(silu(norm1(h) ⊙ (1 + scale) + shift)))   or   conv1(dropout(silu(norm1(h + shift))))
 *   y = (h + skip(x)) · skipScale
 *   y = (y + proj(attention(qkv(norm2(y))))) · skipScale, if asked for
 */
export function residualBlock(s: Scope, x: Expr, embedding: Expr, options: BlockOptions): Expr {
  const { outChannels, resample, filter = [1, 1], resampleProj = false, adaptiveScale = false } = options;
  const { skipScale = 1, eps = 1e-5, groups, attention, dropout = 0, init = plainInit } = options;
  const normed = (name: string, y: Expr) => norm(s.at(name), y, { eps, ...(groups && { groups: groups(y.shape[1]) }) });
  const resampling = resample && { resample, filter };

  let h = conv(s.at("conv0"), normed("norm0", x).silu(), { outChannels, init: init.layers, ...resampling });
  const told = linear(s.at("affine"), embedding, adaptiveScale ? 2 * outChannels : outChannels, { init: init.layers });
  const perChannel = told.reshape([x.shape[0], -1, 1, 1]);
  if (adaptiveScale) {
    const [scale, shift] = split(perChannel, [outChannels, outChannels], 1);
    h = normed("norm1", h).mul(scale.add(1)).add(shift);
  } else h = normed("norm1", h.add(perChannel));
  h = conv(s.at("conv1"), s.dropout(h.silu(), dropout), { outChannels, init: init.last });

  const projected = outChannels !== x.shape[1] || (resample !== undefined && resampleProj);
  const skip = projected
    ? conv(s.at("skip"), x, { outChannels, kernel: 1, init: init.layers, ...resampling })
    : resample
      ? resampled(x, resample, filter)
      : x;
  const y = h.add(skip).mul(skipScale);
  if (!attention) return y;
  const qkv = conv(s.at("qkv"), normed("norm2", y), { outChannels: 3 * outChannels, kernel: 1, init: init.qkv });
  const flat = qkv.reshape([y.shape[0], 3 * outChannels, -1]);
  const attended = qkvAttention(flat, attention.heads, attention.order ?? "interleaved").reshape(y.shape);
  return y.add(conv(s.at("proj"), attended, { outChannels, kernel: 1, init: init.last })).mul(skipScale);
}
