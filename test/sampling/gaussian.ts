/** Gaussian data, on which every sampler has an exact answer to compare with. */
import { gaussian } from "../../src/diffusion/index.ts";
import { finish, type Noise, type Sigmas, type Step } from "../../src/sampling/index.ts";

export const data = { mean: 0.3, std: 0.5 };
export const { denoise: ideal, flow } = gaussian(data);

/** `steps` steps between two levels, equal in σ^(1/ρ). */
export function karras(steps: number, max: number, min: number, rho = 7): number[] {
  const [a, b] = [max ** (1 / rho), min ** (1 / rho)];
  return Array.from({ length: steps + 1 }, (_, i) => (a + (i / steps) * (b - a)) ** rho);
}

/** Where the ODE takes `x` between the ends of a ladder, exactly. */
export function exact(x: Float64Array, sigmas: Sigmas): Float64Array {
  return flow(x, sigmas[0], sigmas[sigmas.length - 1]);
}

/** The slope of log error against log step: the measured order of convergence. */
export async function measuredOrder(
  counts: readonly number[],
  error: (steps: number) => Promise<number> | number,
): Promise<number> {
  const points: [number, number][] = [];
  for (const n of counts) points.push([Math.log(1 / n), Math.log(await error(n))]);
  const mean = (k: 0 | 1) => points.reduce((sum, p) => sum + p[k], 0) / points.length;
  const [mx, my] = [mean(0), mean(1)];
  return points.reduce((s, [u, v]) => s + (u - mx) * (v - my), 0) / points.reduce((s, [u]) => s + (u - mx) ** 2, 0);
}

/**
 * Exact mean and variance of what a sampler makes of N(start.mean, start.std²) in one dimension. On Gaussian data a
 * sampler is affine in its start and in every draw, so a batch of impulses (one row with x = 1, one row for each draw)
 * measures all its coefficients in one run, without any randomness.
 */
export async function moments(
  run: (x: Float64Array, noise: Noise) => AsyncIterable<Step>,
  start: { readonly mean: number; readonly std: number },
): Promise<{ readonly mean: number; readonly std: number; readonly draws: number }> {
  const rows = 4096;
  let draws = 0;
  const impulse = new Float64Array(rows);
  impulse[1] = 1;
  const out = await finish(
    run(impulse, () => {
      const n = new Float64Array(rows);
      n[2 + draws++] = 1;
      return n;
    }),
  );
  const response = out.map((v) => v - out[0]);
  const variance = response.reduce((sum, c, i) => sum + (i === 1 ? (c * start.std) ** 2 : c ** 2), 0);
  return { mean: out[0] + response[1] * start.mean, std: Math.sqrt(variance), draws };
}
