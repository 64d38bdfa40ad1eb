/** How a parameter starts, as plain data, and the drawing of it. */
import type { Stream } from "../random/index.ts";

/** Random initialisers whose spread follows from a layer's fan-in and fan-out. */
export type FanInit = "xavier-uniform" | "xavier-normal" | "kaiming-uniform" | "kaiming-normal";

/** How one parameter starts. */
export type Init =
  | { readonly type: "zeros" }
  | { readonly type: "ones" }
  | { readonly type: "normal"; readonly std: number }
  | {
      readonly type: FanInit;
      /** Factor on the spread; default 1. */
      readonly gain?: number;
      /** Numbers that one output is a sum over: inputs × kernel area. */
      readonly fanIn: number;
      /** Outputs × kernel area. */
      readonly fanOut: number;
    };

/** How the weight and bias of a layer start; the layer knows its fans. */
export interface LayerInit {
  readonly type: FanInit;
  /** Factor on the weight; default 1. */
  readonly gain?: number;
  /** Factor on a bias drawn with the weight's spread; default 0, which starts it at zero. */
  readonly biasGain?: number;
}

/** Weight and bias uniform in ±1/√fanIn: what PyTorch does to linear and convolution layers unless told otherwise. */
export const defaultInit: LayerInit = { type: "kaiming-uniform", gain: Math.sqrt(1 / 3), biasGain: Math.sqrt(1 / 3) };

const spreads: { readonly [T in FanInit]: (fanIn: number, fanOut: number) => number } = {
  "xavier-uniform": (fanIn, fanOut) => Math.sqrt(6 / (fanIn + fanOut)),
  "xavier-normal": (fanIn, fanOut) => Math.sqrt(2 / (fanIn + fanOut)),
  "kaiming-uniform": (fanIn) => Math.sqrt(3 / fanIn),
  "kaiming-normal": (fanIn) => Math.sqrt(1 / fanIn),
};

/** The bound of a uniform initialiser, or the standard deviation of a normal one, before its gain. */
export const initScale = (type: FanInit, fanIn: number, fanOut: number): number => spreads[type](fanIn, fanOut);

/** The specs of a layer's weight and bias. */
export function layerInits({ type, gain = 1, biasGain = 0 }: LayerInit, fanIn: number, fanOut: number) {
  const scaled = (factor: number): Init => (factor === 0 ? { type: "zeros" } : { type, gain: factor, fanIn, fanOut });
  return { weight: scaled(gain), bias: scaled(biasGain) };
}

/** Fills `out` as the spec says, with numbers from `draws`. */
export function fill(init: Init, draws: Stream, out: Float32Array): void {
  if (init.type === "zeros" || init.type === "ones") {
    out.fill(init.type === "ones" ? 1 : 0);
    return;
  }
  const scale = init.type === "normal" ? init.std : (init.gain ?? 1) * initScale(init.type, init.fanIn, init.fanOut);
  const uniform = init.type.endsWith("uniform");
  for (let i = 0; i < out.length; i++) out[i] = scale * (uniform ? 2 * draws.uniform() - 1 : draws.normal());
}
