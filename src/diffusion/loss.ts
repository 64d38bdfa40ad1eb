/**
 * The denoising losses in float64, one sample at a time: what the training step's graph is checked against. All take the
 * mean over dimensions and leave the mean over the batch to the caller.
 */
import { type Level, type Prediction, targetOf } from "./prediction.ts";

/** z = α x + σ ε. */
export function noised({ alpha, sigma }: Level, clean: Float64Array, noise: Float64Array): Float64Array {
  return clean.map((x, i) => alpha * x + sigma * noise[i]);
}

/** What a network that predicts `prediction` should answer. */
export function targetValues(
  prediction: Prediction,
  level: Level,
  clean: Float64Array,
  noise: Float64Array,
): Float64Array {
  const { x, eps } = targetOf(prediction, level);
  return clean.map((value, i) => x * value + eps * noise[i]);
}

/** The mean over dimensions of (target − output)². */
export function meanSquaredError(target: Float64Array, output: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < target.length; i++) sum += (target[i] - output[i]) ** 2;
  return sum / target.length;
}

/** One sample of a denoiser's loss. */
export interface DenoisingSample {
  readonly clean: Float64Array;
  readonly noise: Float64Array;
  /** The noise level σ̃. */
  readonly sigma: number;
  /** The multiplier of ‖D − x‖²: `multiplierOn("x", …)` at λ = −2 ln σ̃. */
  readonly weight: number;
}

/** w·(D(x + σ̃ n; σ̃) − x)², elementwise, with what it is made of (Karras et al. 2022, eq. 2). */
export async function denoisingLoss(
  denoise: (x: Float64Array, sigma: number) => Promise<Float64Array> | Float64Array,
  { clean, noise, sigma, weight }: DenoisingSample,
): Promise<{ readonly noisy: Float64Array; readonly denoised: Float64Array; readonly loss: Float64Array }> {
  const noisy = noised({ alpha: 1, sigma }, clean, noise);
  const denoised = await denoise(noisy, sigma);
  return { noisy, denoised, loss: denoised.map((value, i) => weight * (value - clean[i]) ** 2) };
}

/**
 * Input perturbation (Ning et al. 2023): the noise that z is made from, ε + γξ, while the target stays ε; it imitates the
 * errors that sampling accumulates. γ = 0.1 in the paper, 0.15 in its CIFAR-10 command.
 */
export function perturbedNoise(noise: Float64Array, perturbation: Float64Array, gamma = 0.1): Float64Array {
  return noise.map((eps, i) => eps + gamma * perturbation[i]);
}
