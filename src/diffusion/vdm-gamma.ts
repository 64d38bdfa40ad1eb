/**
 * γ(t) = −λ(t) as variational diffusion models parameterise it (Kingma et al. 2021): a line, or a network that is monotone
 * because only absolute values of its weights enter. These are the float64 forms of trained weights.
 */
import { interval } from "./admissible.ts";
import { type NoiseSchedule, numericSchedule } from "./schedule.ts";
import { sigmoid } from "./special.ts";

/** γ(t), rising on [0, 1], and its derivative. */
export interface Gamma {
  readonly gamma: (t: number) => number;
  readonly slope: (t: number) => number;
}

/** The weights of a monotone network; their signs are ignored, those of biases are not. */
export interface MonotoneWeights {
  readonly l1: { readonly weight: number; readonly bias: number };
  /** F hidden units. */
  readonly l2: { readonly weight: ArrayLike<number>; readonly bias: ArrayLike<number> };
  readonly l3: { readonly weight: ArrayLike<number> };
}

/** γ from `min` at t = 0 to `max` at t = 1, linear: uniform in λ. */
export function linearGamma(min = -13.3, max = 5): Gamma {
  interval("linearGamma", min, max);
  return { gamma: (t) => min + (max - min) * t, slope: () => max - min };
}

/**
 * A monotone network. `centered`, as published code has it: l1(t) + (1/F) l3(2 sigmoid(l2(2t − 1)) − 1). `composed`, as the
 * paper has it: l1(t) + l3(sigmoid(l2(l1(t)))).
 */
export function monotoneGamma(variant: "centered" | "composed", { l1, l2, l3 }: MonotoneWeights): Gamma {
  const rate = Math.abs(l1.weight);
  const line = (t: number) => rate * t + l1.bias;
  const centered = variant === "centered";
  const units = l2.weight.length;
  // The hidden units see `input`, whose derivative is `speed`; each counts |l3| times `factor`.
  const input = centered ? (t: number) => 2 * t - 1 : line;
  const speed = centered ? 2 : rate;
  const factor = centered ? 2 / units : 1;
  return {
    gamma: (t) => {
      let sum = line(t);
      for (let j = 0; j < units; j++) {
        const on = sigmoid(Math.abs(l2.weight[j]) * input(t) + l2.bias[j]);
        sum += factor * Math.abs(l3.weight[j]) * (centered ? on - 0.5 : on);
      }
      return sum;
    },
    slope: (t) => {
      let sum = rate;
      for (let j = 0; j < units; j++) {
        const weight = Math.abs(l2.weight[j]);
        const hidden = weight * input(t) + l2.bias[j];
        sum += factor * Math.abs(l3.weight[j]) * sigmoid(hidden) * sigmoid(-hidden) * weight * speed;
      }
      return sum;
    },
  };
}

/** `raw` moved and scaled so that it runs from `min` at t = 0 to `max` at t = 1. */
export function normalizeGamma(raw: Gamma, min: number, max: number): Gamma {
  const [start, end] = interval("normalizeGamma: gamma(0), gamma(1)", raw.gamma(0), raw.gamma(1));
  const scale = (max - min) / (end - start);
  return { gamma: (t) => min + scale * (raw.gamma(t) - start), slope: (t) => scale * raw.slope(t) };
}

/** The noise schedule λ(t) = −γ(t). */
export function gammaSchedule({ gamma, slope }: Gamma): NoiseSchedule {
  return numericSchedule(
    (t) => -gamma(t),
    (t) => -slope(t),
  );
}
