/** Exponential moving averages of the parameters: average ← β · average + (1 − β) · parameters after every update. */
import { unknownName } from "../errors/index.ts";
import type { Progress } from "./learning-rate.ts";

/** How much of the average is kept. */
export interface EmaOptions {
  /**
   * Half of the average's weight lies on the last `images` images (EDM). `rampup` limits that to a share of the images
   * seen so far, so that early averages are not made of noise; null turns the ramp off.
   */
  "half-life": { readonly images: number; readonly rampup?: number | null };
  /** min(decay, (1 + n)/(10 + n)) at update n = 1, 2, … (score_sde). */
  "update-count": { readonly decay: number };
  /** 1 − (1 + step/gamma)^−power between `min` and `max`. */
  "inverse-gamma": { readonly gamma: number; readonly power: number; readonly min?: number; readonly max?: number };
  /** A power of the training time, whose width is `std` times that time (EDM2); no length need be chosen beforehand. */
  "power-function": { readonly std: number };
}
export type EmaSpec = { [K in keyof EmaOptions]: { readonly type: K } & EmaOptions[K] }[keyof EmaOptions];

/** β of the update that follows `progress`. */
export type EmaDecay = (progress: Progress) => number;

type Spec<T> = Extract<EmaSpec, { type: T }>;

const decays: { readonly [T in EmaSpec["type"]]: (spec: Spec<T>) => EmaDecay } = {
  "half-life":
    ({ images: halfLife, rampup = 0.05 }) =>
    ({ images, batch }) => {
      const h = rampup === null ? halfLife : Math.min(halfLife, images * rampup);
      return 0.5 ** (batch / Math.max(h, 1e-8));
    },
  "update-count":
    ({ decay }) =>
    ({ step }) =>
      Math.min(decay, (2 + step) / (11 + step)),
  "inverse-gamma":
    ({ gamma, power, min = 0, max = 1 }) =>
    ({ step }) =>
      Math.min(Math.max(1 - (1 + step / gamma) ** -power, min), max),
  "power-function": ({ std }) => {
    const exponent = powerFunctionExponent(std);
    // Time after the update; the first average is then the parameters themselves.
    return ({ images, batch }) => (1 - batch / (images + batch)) ** (exponent + 1);
  },
};

export const emaNames = Object.keys(decays) as readonly EmaSpec["type"][];

/** The decay that a spec names. */
export function emaDecay(spec: EmaSpec): EmaDecay {
  if (!Object.hasOwn(decays, spec.type)) throw unknownName("ema", spec.type, emaNames);
  return build(spec.type, spec);
}

function build<T extends EmaSpec["type"]>(type: T, spec: Spec<T>): EmaDecay {
  return decays[type](spec);
}

/**
 * The exponent γ whose power-function profile has standard deviation `std` relative to the training time: the largest
 * root of γ³ + 7γ² + (16 − std⁻²)γ + (12 − std⁻²) (Karras et al. 2024, EDM2). `std` is below ½/√3 ≈ 0.289.
 */
export function powerFunctionExponent(std: number): number {
  const s = std ** -2;
  const f = (g: number) => ((g + 7) * g + 16 - s) * g + 12 - s;
  const slope = (g: number) => (3 * g + 14) * g + 16 - s;
  // To the right of the largest root the cubic rises and is convex, so Newton's steps come down to it.
  let g = 1 / std;
  for (let i = 0; i < 100; i++) {
    const next = g - f(g) / slope(g);
    if (Math.abs(next - g) <= 1e-15 * Math.abs(next)) return next;
    g = next;
  }
  return g;
}

/** The relative standard deviation of the profile with exponent γ; the inverse of {@link powerFunctionExponent}. */
export const powerFunctionStd = (exponent: number): number =>
  Math.sqrt((exponent + 1) / ((exponent + 2) ** 2 * (exponent + 3)));

/** A power-function average as stored: the training time it was taken at and its relative standard deviation. */
export interface EmaSnapshot {
  readonly time: number;
  readonly std: number;
}

/**
 * Coefficients, summing to 1, of the combination of stored averages that comes closest to the average with the profile
 * of `target` (EDM2, section 3.2): least squares between profiles.
 */
export function postHocEma(snapshots: readonly EmaSnapshot[], target: EmaSnapshot): number[] {
  const product = (a: EmaSnapshot, b: EmaSnapshot) => {
    const [ga, gb] = [powerFunctionExponent(a.std), powerFunctionExponent(b.std)];
    const ratio = (a.time / b.time) ** (a.time < b.time ? gb : -ga);
    return ((ga + 1) * (gb + 1) * ratio) / ((ga + gb + 1) * Math.max(a.time, b.time));
  };
  const matrix = snapshots.map((a) => [...snapshots.map((b) => product(a, b)), product(a, target)]);
  const coefficients = solve(matrix);
  const total = coefficients.reduce((a, b) => a + b, 0);
  return coefficients.map((c) => c / total);
}

/** Gaussian elimination with row pivoting on the augmented matrix [A | b]. */
function solve(rows: number[][]): number[] {
  const n = rows.length;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let i = column + 1; i < n; i++) if (Math.abs(rows[i][column]) > Math.abs(rows[pivot][column])) pivot = i;
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    for (let i = column + 1; i < n; i++) {
      const factor = rows[i][column] / rows[column][column];
      for (let j = column; j <= n; j++) rows[i][j] -= factor * rows[column][j];
    }
  }
  const x = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let sum = rows[i][n];
    for (let j = i + 1; j < n; j++) sum -= rows[i][j] * x[j];
    x[i] = sum / rows[i][i];
  }
  return x;
}
