/** Laws of the time t in [0, 1], 0 being clean, and of the timestep. */
import { count, finite, interval, positive } from "./admissible.ts";
import { betaCdf, betaPdf, betaQuantile } from "./beta-distribution.ts";
import { normalCdf, normalPdf, normalQuantile } from "./normal.ts";
import { inside, supported, type TimestepLaw } from "./timestep-law.ts";

/** Uniform on [min, max], by default [0, 1]. */
export function uniformTime({ min = 0, max = 1 }: { readonly min?: number; readonly max?: number } = {}): TimestepLaw {
  interval("timestep uniform: [min, max]", min, max);
  return supported(min, max, {
    of: "time",
    draw: (u) => min + u * (max - min),
    density: () => 1 / (max - min),
    uniform: (t) => (t - min) / (max - min),
  });
}

/** Each of the timesteps 0 … steps − 1 equally often. */
export function uniformSteps({ steps }: { readonly steps: number }): TimestepLaw {
  count("timestep uniform-steps: steps", steps);
  return {
    of: "step",
    draw: (u) => Math.min(Math.floor(u * steps), steps - 1),
    density: (step) => (Number.isInteger(step) && step >= 0 && step < steps ? 1 / steps : 0),
    uniform: (step) => step / steps,
  };
}

/** t = 1/(1 + e^−n) with n ~ N(mean, std²) (Esser et al. 2024, who use mean 0, std 1); mean below 0 favours low noise. */
export function logitNormal({
  mean = 0,
  std = 1,
}: {
  readonly mean?: number;
  readonly std?: number;
} = {}): TimestepLaw {
  finite("timestep logit-normal: mean", mean);
  positive("timestep logit-normal: std", std);
  const logit = (t: number) => Math.log(t / (1 - t));
  return {
    of: "time",
    draw: (u) => 1 / (1 + Math.exp(-(mean + std * normalQuantile(inside(u))))),
    density: (t) => (t > 0 && t < 1 ? normalPdf(logit(t), mean, std) / (t * (1 - t)) : 0),
    uniform: (t) => normalCdf((logit(t) - mean) / std),
  };
}

/** t ~ Beta(a, b); a below b favours low noise. */
export function betaTime({ a, b }: { readonly a: number; readonly b: number }): TimestepLaw {
  positive("timestep beta: a", a);
  positive("timestep beta: b", b);
  return {
    of: "time",
    draw: (u) => betaQuantile(inside(u), a, b),
    density: (t) => betaPdf(t, a, b),
    uniform: (t) => betaCdf(t, a, b),
  };
}
