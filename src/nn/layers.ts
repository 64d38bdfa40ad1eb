/** The layers that networks are made of: linear, convolution with resampling, group normalisation. */
import { type Expr, firDown, firPad, firUp, groupNorm, isBox, upConv2d } from "../graph/index.ts";
import { defaultInit, type LayerInit, layerInits } from "./init.ts";
import type { Scope } from "./scope.ts";

export interface LayerOptions {
  /** How weight and bias start; default uniform in ±1/√fanIn. */
  readonly init?: LayerInit;
  readonly bias?: boolean;
}

/** W x + b over the last axis of x [B, n]; W is [features, n]. */
export function linear(
  s: Scope,
  x: Expr,
  features: number,
  { init = defaultInit, bias = true }: LayerOptions = {},
): Expr {
  const n = x.shape.at(-1)!;
  const inits = layerInits(init, n, features);
  const y = x.matmul(s.param("weight", [features, n], inits.weight), { transB: true });
  return bias ? y.add(s.param("bias", [features], inits.bias)) : y;
}

/** A change of resolution by a factor of 2. */
export type Resample = "up" | "down";

/** Doubles or halves the resolution through a separable low-pass filter; [1, 1] repeats or averages pixels. */
export const resampled = (x: Expr, direction: Resample, filter: readonly number[] = [1, 1]): Expr =>
  direction === "up" ? firUp(x, filter) : firDown(x, filter);

export interface ConvOptions extends LayerOptions {
  readonly outChannels: number;
  /** Side of the filters; default 3. */
  readonly kernel?: number;
  readonly stride?: number;
  /** Zeros around the image; default half the kernel, which keeps the size if the kernel is odd. */
  readonly pad?: number;
  /** Changes the resolution before the convolution. */
  readonly resample?: Resample;
  /** Taps of the low-pass filter of `resample`; default [1, 1]. */
  readonly filter?: readonly number[];
  /** Pads once for both filters, and halves the resolution after the convolution instead of before it. */
  readonly fused?: boolean;
}

/** Convolution of x [B, C, H, W] with filters [outChannels, C, kernel, kernel]. */
export function conv(s: Scope, x: Expr, options: ConvOptions): Expr {
  const { outChannels, kernel = 3, stride = 1, resample, filter = [1, 1], fused = false } = options;
  const { pad: own = Math.floor(kernel / 2), init = defaultInit, bias = true } = options;
  const channels = x.shape[1];
  const inits = layerInits(init, channels * kernel ** 2, outChannels * kernel ** 2);
  const weight = s.param("weight", [outChannels, channels, kernel, kernel], inits.weight);
  const biases = bias && s.param("bias", [outChannels], inits.bias).reshape([1, outChannels, 1, 1]);
  const biased = (y: Expr) => (biases ? y.add(biases) : y);
  const convolved = (image: Expr, pad: number) => image.conv2d(weight, { stride, pads: [pad, pad, pad, pad] });
  if (!resample) return biased(convolved(x, own));

  if (resample === "up" && isBox(filter) && stride === 1 && 2 * own === kernel - 1) {
    // Pixels that are equal before a 1×1 convolution are equal after it: a quarter of the work.
    if (kernel === 1) return biased(convolved(x, 0)).upsample(2);
    if (kernel === 3) return biased(upConv2d(x, weight));
  }
  const blur = firPad(filter);
  if (!fused) return biased(convolved(resampled(x, resample, filter), own));
  return biased(
    resample === "up"
      ? convolved(firUp(x, filter, Math.max(blur - own, 0)), Math.max(own - blur, 0))
      : firDown(convolved(x, own + blur), filter, 0),
  );
}

/** The most groups, up to 32, that have at least 4 channels each and all equally many. */
export function groupsOf(channels: number): number {
  let groups = Math.max(Math.min(32, Math.floor(channels / 4)), 1);
  while (channels % groups !== 0) groups--;
  return groups;
}

export interface NormOptions {
  /** Default 1e-5. */
  readonly eps?: number;
  /** Default {@link groupsOf} the channels. */
  readonly groups?: number;
}

/** Group normalisation of x [B, C, …] with a trained weight and bias for each channel (Wu & He 2018). */
export function norm(s: Scope, x: Expr, { eps = 1e-5, groups = groupsOf(x.shape[1]) }: NormOptions = {}): Expr {
  const shape = [x.shape[1]];
  const weight = s.param("weight", shape, { type: "ones" });
  return groupNorm(x, { groups, eps, weight, bias: s.param("bias", shape, { type: "zeros" }) });
}
