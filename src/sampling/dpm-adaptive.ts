/** DPM-Solver with adaptive steps (Lu et al. 2022a) under a PID controller. */
import type { Denoise, Sigmas } from "./denoise.ts";
import { type DpmOrder, dpmSolution, dpmStages } from "./dpm-step.ts";
import { checkStart, ends } from "./ladder.ts";
import type { Handed } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";
import type { AdaptiveStep } from "./sampler.ts";

export const dpmAdaptiveOptions = {
  order: { type: "integer", default: 3, min: 2, max: 3, about: "order of the solution kept; one lower judges it" },
  rtol: { type: "number", default: 0.05, above: 0, about: "relative error allowed in a step" },
  atol: { type: "number", default: 0.0078, above: 0, about: "absolute error allowed: one 8-bit level of [-1, 1]" },
  hInit: { type: "number", default: 0.05, above: 0, about: "first step, in ln σ" },
  pcoeff: { type: "number", default: 0, min: 0, about: "proportional part of the controller" },
  icoeff: { type: "number", default: 1, min: 0, about: "integral part of the controller" },
  dcoeff: { type: "number", default: 0, min: 0, about: "derivative part of the controller" },
  acceptSafety: { type: "number", default: 0.81, above: 0, about: "a step is kept if its size may shrink by no more" },
} as const satisfies OptionTable;

export type DpmAdaptiveOptions = Given<typeof dpmAdaptiveOptions> & Handed;

/**
 * Steps in ln σ as long as the error allows. Each attempt costs `order` evaluations, kept or not. The error is the root
 * mean square over the whole batch, so steps (and in the last digits samples) depend on what else is in it. Of the
 * ladder only the ends count: the first level, the last positive one, and a 0 after it, which costs one evaluation.
 */
export async function* dpmAdaptive(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise: _, ...given }: DpmAdaptiveOptions = {},
): AsyncGenerator<AdaptiveStep> {
  checkStart("dpm-adaptive", x, sigmas);
  const { rtol, atol, hInit, acceptSafety, ...pid } = resolve("dpm-adaptive", dpmAdaptiveOptions, given);
  const order = pid.order as DpmOrder;
  const { from, to, zero } = ends("dpm-adaptive", sigmas);
  const controller = pidController(pid);
  const end = -Math.log(to);
  let [t, h, index, rejected] = [-Math.log(from), hInit, 0, 0];
  let previous = x;

  while (t < end - 1e-5) {
    const next = Math.min(end, t + h);
    const [sigma, sigmaNext] = [Math.exp(-t), Math.exp(-next)];
    const stages = await dpmStages(denoise, x, sigma, sigmaNext, order);
    const low = dpmSolution(x, stages, (order - 1) as DpmOrder);
    const high = dpmSolution(x, stages, order);
    const error = scaledDistance(low, high, previous, rtol, atol);
    if (!Number.isFinite(error))
      throw new RangeError(
        `dpm-adaptive: the solution is not finite at noise level ${sigma}: the denoiser gave ${stages.denoised[0]}.`,
      );
    const { factor, keep } = controller(error);
    h *= factor;
    if (factor < acceptSafety) {
      rejected++;
      continue;
    }
    keep();
    x = high;
    previous = low;
    t = next;
    yield { index: index++, sigma, x, denoised: stages.denoised, next: sigmaNext, rejected };
    rejected = 0;
  }
  if (zero) {
    x = await denoise(x, to);
    yield { index, sigma: to, x, denoised: x, next: 0, rejected: 0 };
  }
}

/** ‖(low − high)/δ‖₂/√n with δ = max(atol, rtol·max(|low|, |previous|)). */
function scaledDistance(
  low: Float64Array,
  high: Float64Array,
  previous: Float64Array,
  rtol: number,
  atol: number,
): number {
  let sum = 0;
  for (let i = 0; i < low.length; i++) {
    const delta = Math.max(atol, rtol * Math.max(Math.abs(low[i]), Math.abs(previous[i])));
    sum += ((low[i] - high[i]) / delta) ** 2;
  }
  return Math.sqrt(sum / low.length);
}

/**
 * The factor for the next step from the inverses of this error and the last two that were kept (Söderlind 2003), softly
 * limited to 1 ± π/2. `keep` remembers this error.
 */
function pidController({
  order,
  pcoeff,
  icoeff,
  dcoeff,
}: Readonly<Record<"order" | "pcoeff" | "icoeff" | "dcoeff", number>>) {
  const [b1, b2, b3] = [(pcoeff + icoeff + dcoeff) / order, -(pcoeff + 2 * dcoeff) / order, dcoeff / order];
  let past: readonly [number, number] | undefined;
  return (error: number) => {
    const inverse = 1 / (error + 1e-8);
    const [one, two] = past ?? [inverse, inverse];
    const factor = 1 + Math.atan(inverse ** b1 * one ** b2 * two ** b3 - 1);
    past ??= [inverse, inverse];
    return {
      factor,
      keep: () => {
        past = [inverse, one];
      },
    };
  };
}
