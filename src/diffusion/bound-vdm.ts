/**
 * The variational bound of a variance-preserving process in continuous time, or in T steps (Kingma et al. 2021), of 8-bit
 * data. λ = −γ: time enters only through the log-SNR, so the schedule between its ends changes the variance and not the
 * value.
 */
import { type PixelConvention, pixels } from "../data/index.ts";
import { noised } from "./loss.ts";
import type { NoiseSchedule } from "./schedule.ts";
import { sigmoid, softplus } from "./special.ts";

/** One sample of the bound's estimate. */
export interface VdmSample {
  /** 8-bit values; the data are the centres of their bins, (2·byte + 1)/256 − 1. */
  readonly bytes: ArrayLike<number>;
  /** The time u in [0, 1]. */
  readonly t: number;
  /** Unit Gaussian noise of z_t, and of z_0. */
  readonly noise: Float64Array;
  readonly noise0: Float64Array;
}

/** The bound of one sample and its three terms in nats, summed over dimensions. */
export interface VdmBound {
  /** The time of z: u itself, or ⌈uT⌉/T, at least 1/T. */
  readonly t: number;
  readonly logSnr: number;
  readonly z: Float64Array;
  readonly diffusion: number;
  readonly latent: number;
  readonly reconstruction: number;
  readonly nats: number;
  readonly bitsPerDim: number;
}

export interface VdmOptions {
  /** λ(t), finite at both ends. */
  readonly schedule: NoiseSchedule;
  /** T; by default time is continuous. */
  readonly steps?: number;
}

/** An unbiased estimate of the bound from one sample and one time. `model` gives ε̂(z; λ). */
export async function vdmBound(
  model: (z: Float64Array, logSnr: number) => Promise<Float64Array> | Float64Array,
  { bytes, t: u, noise, noise0 }: VdmSample,
  { schedule, steps }: VdmOptions,
): Promise<VdmBound> {
  const clean = Float64Array.from(bytes, (byte) => pixels("vdm").toFloat(byte));
  const t = steps === undefined ? u : Math.max(1, Math.ceil(u * steps)) / steps;
  const logSnr = schedule.logSnr(t);
  const z = noised({ alpha: Math.sqrt(sigmoid(logSnr)), sigma: Math.sqrt(sigmoid(-logSnr)) }, clean, noise);
  const predicted = await model(z, logSnr);
  const error = noise.reduce((sum, eps, i) => sum + (eps - predicted[i]) ** 2, 0);
  const rate =
    steps === undefined
      ? 1 / schedule.density(logSnr) // γ′(t)
      : steps * Math.expm1(schedule.logSnr(t - 1 / steps) - logSnr);
  const diffusion = 0.5 * rate * error;
  const latent = vdmLatent(clean, schedule.min);
  const reconstruction = vdmReconstruction(bytes, noise0, schedule.max);
  const nats = diffusion + latent + reconstruction;
  return { t, logSnr, z, diffusion, latent, reconstruction, nats, bitsPerDim: nats / (clean.length * Math.LN2) };
}

/** KL(q(z_1 | x) ‖ N(0, I)) = ½ Σ (σ₁² + α₁² x² − ln σ₁² − 1), at the lowest log-SNR. */
export function vdmLatent(clean: Float64Array, logSnr: number): number {
  const alpha2 = sigmoid(logSnr);
  return clean.reduce((sum, x) => sum + 0.5 * (alpha2 * (x * x - 1) + softplus(logSnr)), 0);
}

/**
 * −ln p(x | z_0) at the highest log-SNR, z_0/α_0 = x + noise0·σ_0/α_0: each of the 256 values v has the probability that
 * is in proportion to N(z_0/α_0; v, σ_0²/α_0²). `convention` says which numbers the values are.
 */
export function vdmReconstruction(
  bytes: ArrayLike<number>,
  noise0: Float64Array,
  logSnr: number,
  { convention = "vdm" }: { readonly convention?: PixelConvention } = {},
): number {
  const { toFloat } = pixels(convention);
  const values = Float64Array.from({ length: 256 }, (_, byte) => toFloat(byte));
  const [snr, noise] = [Math.exp(logSnr), Math.exp(-logSnr / 2)];
  let nats = 0;
  for (let i = 0; i < bytes.length; i++) {
    const at = values[bytes[i]] + noise * noise0[i];
    const energies = values.map((value) => 0.5 * snr * (at - value) ** 2);
    const lowest = energies.reduce((a, b) => Math.min(a, b));
    const total = energies.reduce((sum, energy) => sum + Math.exp(lowest - energy), 0);
    nats += energies[bytes[i]] - lowest + Math.log(total);
  }
  return nats;
}
