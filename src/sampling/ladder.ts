/** What every sampler asks of its start and its noise levels. */
import { ConfigError } from "../errors/index.ts";
import type { Sigmas } from "./denoise.ts";

/** What a sampler can take that most cannot. */
export interface Allowance {
  /** The first level may be ∞, as at zero terminal SNR: x is then the unit noise itself. */
  readonly infinite?: boolean;
}

/**
 * Refuses a start or a ladder that no solver can use: fewer than two levels, levels that don't fall, a level that is
 * not a number or below 0, samples that are empty or not finite.
 */
export function checkStart(where: string, x: Float64Array, sigmas: Sigmas, { infinite = false }: Allowance = {}): void {
  if (sigmas.length < 2)
    throw new ConfigError(
      `${where}: too few noise levels: [${sigmas.join(", ")}] (at least two, where to start and to end).`,
    );
  for (const [i, sigma] of sigmas.entries()) {
    if (sigma === Number.POSITIVE_INFINITY && i === 0) {
      if (infinite) continue;
      throw new ConfigError(
        `${where}: the first noise level is infinite, as at zero terminal SNR (a finite level; ddim and ancestral take it).`,
      );
    }
    if (!(Number.isFinite(sigma) && sigma >= 0))
      throw new ConfigError(`${where}: noise level ${i} is ${sigma} (a finite number, 0 or more).`);
    if (i > 0 && !(sigma < sigmas[i - 1]))
      throw new ConfigError(`${where}: noise levels must fall: level ${i} is ${sigma} after ${sigmas[i - 1]}.`);
  }
  checkSamples(where, x);
}

/** Refuses samples that are missing or not finite. */
export function checkSamples(where: string, x: Float64Array): void {
  if (x.length === 0) throw new ConfigError(`${where}: there are no samples: x is empty.`);
  for (let i = 0; i < x.length; i++)
    if (!Number.isFinite(x[i])) throw new ConfigError(`${where}: the start is not finite: x[${i}] is ${x[i]}.`);
}

/**
 * First and last positive level of a ladder, and whether a jump to 0 follows: all that a solver with its own steps
 * takes from it.
 */
export function ends(
  where: string,
  sigmas: Sigmas,
): { readonly from: number; readonly to: number; readonly zero: boolean } {
  const zero = sigmas[sigmas.length - 1] === 0;
  const to = sigmas[sigmas.length - (zero ? 2 : 1)];
  if (!(to < sigmas[0]))
    throw new ConfigError(
      `${where}: needs a positive level to end at: [${sigmas.join(", ")}] (such as [80, 0.002, 0]).`,
    );
  return { from: sigmas[0], to, zero };
}
