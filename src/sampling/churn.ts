/** Churn: noise added before a step, which the step then removes (Karras et al. 2022, Algorithm 2). */
import { combine } from "./combine.ts";
import { type Handed, kick, needNoise } from "./noise.ts";
import type { OptionTable, Resolved } from "./options.ts";

export const churnOptions = {
  sChurn: { type: "number", default: 0, min: 0, about: "how much noise to add over all steps; 0 is the ODE" },
  sMin: { type: "number", default: 0, min: 0, about: "lowest level at which noise is added" },
  sMax: { type: "number", default: Number.POSITIVE_INFINITY, min: 0, about: "highest level at which noise is added" },
  sNoise: { type: "number", default: 1, min: 0, about: "standard deviation of the added noise, near 1" },
} as const satisfies OptionTable;

/** What samplers with churn are handed besides their options. */
export interface ChurnHanded extends Handed {
  /** Rounds a level to one that a discrete-time network knows; the raised level is passed through it. */
  readonly round?: ((sigma: number) => number) | undefined;
}

/** Raises samples to a higher noise level, γ = min(S_churn / steps, √2 − 1); γ = 0 outside [S_min, S_max]. */
export type Churn = (x: Float64Array, sigma: number) => { readonly x: Float64Array; readonly sigma: number };

/** The churn of a run of `steps` steps. */
export function churn(
  where: string,
  steps: number,
  { sChurn, sMin, sMax, sNoise }: Resolved<typeof churnOptions>,
  { noise, round = (sigma) => sigma }: ChurnHanded,
): Churn {
  if (sChurn > 0) needNoise(where, noise, `sChurn ${sChurn}`);
  const most = Math.min(sChurn / steps, Math.SQRT2 - 1);
  return (x, sigma) => {
    const gamma = sMin <= sigma && sigma <= sMax ? most : 0;
    const raised = gamma > 0 ? Math.max(sigma, round(sigma * (1 + gamma))) : sigma;
    const term = kick(Math.sqrt(raised ** 2 - sigma ** 2) * sNoise, noise);
    return raised > sigma ? { x: combine(new Float64Array(x.length), [1, x], ...term), sigma: raised } : { x, sigma };
  };
}
