/** The noise levels that steps are chosen from, and the usual ways to choose. */
import { betasFromSigmas, discreteSchedule, noiseSchedule, timestepSpacing, vpSigma } from "../diffusion/index.ts";
import { sigmaSteps } from "../sampling/index.ts";
import type { Recipe } from "./recipe.ts";
import { usualLevels } from "./trained-levels.ts";

/** The timesteps of a discrete process, or `count` levels evenly spaced in log-SNR; rising. */
export function candidateLevels(recipe: Recipe, count: number): number[] {
  return timestepsOf(recipe) ?? sigmaSteps({ type: "exponential", steps: count, ...usualLevels(recipe) }).toReversed();
}

function timestepsOf({ objective: { schedule } }: Recipe): number[] | undefined {
  if (schedule?.kind !== "discrete") return undefined;
  return Array.from(discreteSchedule(schedule.table).sigmas.filter(Number.isFinite));
}

/**
 * The usual grids of so many steps between a recipe's own ends, falling. Time is that of the recipe's schedule, or of
 * Song's VP process between these levels where there is none; in it, `linspace` has both ends, `trailing` the noisy one
 * only and `leading` the clean one only. A grid that would visit a timestep twice is left out.
 */
export function usualGrids(recipe: Recipe, steps: number): Readonly<Record<string, readonly number[]>> {
  const ends = usualLevels(recipe);
  const grids = {
    ...timeGrids(recipe, steps),
    "log-snr": sigmaSteps({ type: "exponential", steps, ...ends }),
    sigma: sigmaSteps({ type: "karras", rho: 1, steps, ...ends }),
    "karras 3": sigmaSteps({ type: "karras", rho: 3, steps, ...ends }),
    "karras 7": sigmaSteps({ type: "karras", rho: 7, steps, ...ends }),
  };
  const falls = (sigmas: readonly number[]) => sigmas.every((sigma, i) => i === 0 || sigma < sigmas[i - 1]);
  return Object.fromEntries(Object.entries(grids).filter(([, sigmas]) => falls(sigmas)));
}

function timeGrids(recipe: Recipe, steps: number): Readonly<Record<string, readonly number[]>> {
  const shares = Array.from({ length: steps }, (_, i) => i / Math.max(1, steps - 1));
  const table = timestepsOf(recipe);
  if (table) {
    const last = table.length - 1;
    const spaced = (spacing: "leading" | "trailing" | "linspace") =>
      timestepSpacing({ steps: table.length, count: Math.min(steps, table.length), spacing }).map((t) => table[t]);
    return {
      linspace: steps === 1 ? [table[last]] : spaced("linspace"),
      trailing: spaced("trailing"),
      leading: spaced("leading"),
      quadratic: shares.map((share) => table[Math.round((1 - share) ** 2 * last)]),
    };
  }
  const { low, high, sigma } = timeOf(recipe);
  const { sigmaMax } = usualLevels(recipe);
  const at = (t: number) => (t === high ? sigmaMax : sigma(t));
  const stride = (high - low) / steps;
  return {
    linspace: shares.map((share) => at(high - share * (high - low))),
    trailing: shares.map((_, i) => at(high - i * stride)),
    leading: shares.map((_, i) => at(high - (i + 1) * stride)),
    quadratic: shares.map((share) => at(((1 - share) * Math.sqrt(high) + share * Math.sqrt(low)) ** 2)),
  };
}

/** Noise levels over the time of a continuous schedule; Song's VP, where a recipe has none. */
function timeOf(recipe: Recipe): { readonly low: number; readonly high: number; sigma(t: number): number } {
  const { schedule } = recipe.objective;
  const { sigmaMin, sigmaMax } = usualLevels(recipe);
  if (schedule?.kind === "continuous") {
    const { time, logSnr } = noiseSchedule(schedule.schedule);
    const [low, high] = [sigmaMin, sigmaMax].map((level) => time(-2 * Math.log(level)));
    return { low, high, sigma: (t) => Math.exp(-logSnr(t) / 2) };
  }
  const low = 1e-3;
  return { low, high: 1, sigma: vpSigma(betasFromSigmas(sigmaMin, sigmaMax, low)).sigma };
}
