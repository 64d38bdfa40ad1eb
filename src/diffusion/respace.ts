/** Shorter processes made of some timesteps of a discrete process, and the lists of timesteps solvers visit. */
import { ConfigError, unknownName } from "../errors/index.ts";
import { count as whole } from "./admissible.ts";
import { type DiscreteSchedule, fromBetas } from "./discrete.ts";
import { roundHalfEven } from "./special.ts";

/**
 * Chooses timesteps of a process with `steps` of them, increasing (Nichol & Dhariwal 2021). `sections` is a list of counts:
 * the process is cut into as many nearly equal sections, the first ones longer, and each gives that many timesteps, its
 * first and last included. As text: `"10,15,20"`, or `"ddimN"`: every s-th timestep from 0, with the smallest stride s that
 * gives exactly N; many N have none.
 */
export function spaceTimesteps(steps: number, sections: string | readonly number[]): number[] {
  whole("respace: steps", steps);
  if (typeof sections === "string") {
    if (sections.startsWith("ddim")) return stridedTimesteps(steps, sections);
    return spaceTimesteps(
      steps,
      sections.split(",").map((picks) => Number(picks || Number.NaN)),
    );
  }
  whole("respace: number of sections", sections.length);
  const chosen: number[] = [];
  let start = 0;
  for (const [i, count] of sections.entries()) {
    whole("respace: count of a section", count, 0);
    const size = Math.floor(steps / sections.length) + (i < steps % sections.length ? 1 : 0);
    if (count > size)
      throw new ConfigError(`respace: section ${i} of ${steps} steps has ${size} of them; ${count} were asked for.`);
    const stride = count > 1 ? (size - 1) / (count - 1) : 1;
    for (let picked = 0, position = 0; picked < count; picked++, position += stride)
      chosen.push(start + roundHalfEven(position));
    start += size;
  }
  return chosen;
}

function stridedTimesteps(steps: number, sections: string): number[] {
  const count = whole("respace: N of ddimN", Number(sections.slice("ddim".length)));
  for (let stride = 1; stride < steps; stride++)
    if (Math.ceil(steps / stride) === count) return Array.from({ length: count }, (_, i) => i * stride);
  throw new ConfigError(
    `respace: no stride gives exactly ${count} of ${steps} timesteps. Use section counts: "${count}".`,
  );
}

/**
 * The process that visits only `timesteps` (increasing) of `schedule`: β_i = 1 − ᾱ[t_i]/ᾱ[t_{i−1}]. Its marginals are the
 * same, and its `timesteps` still are the original ones, for the network.
 */
export function respace(schedule: DiscreteSchedule, timesteps: readonly number[]): DiscreteSchedule {
  const bad = timesteps.findIndex(
    (t, i) => !(Number.isInteger(t) && t > (timesteps[i - 1] ?? -1) && t < schedule.steps),
  );
  if (bad >= 0)
    throw new ConfigError(
      `respace: timesteps must increase and be whole numbers in 0 … ${schedule.steps - 1}; entry ${bad} is ${timesteps[bad]}.`,
    );
  const betas = Float64Array.from(
    timesteps,
    (t, i) => 1 - schedule.alphasCumprod[t] / (i === 0 ? 1 : schedule.alphasCumprod[timesteps[i - 1]]),
  );
  return fromBetas(
    betas,
    Float64Array.from(timesteps, (t) => schedule.timesteps[t]),
  );
}

/** How the timesteps that a solver visits are spread. */
export type Spacing = "leading" | "trailing" | "linspace";

const spacings: { readonly [S in Spacing]: (steps: number, count: number, offset: number) => (i: number) => number } = {
  leading: (steps, count, offset) => (i) => Math.floor(steps / count) * (count - 1 - i) + offset,
  trailing: (steps, count) => (i) => roundHalfEven(steps - i * (steps / count)) - 1,
  linspace: (steps, count) => (i) => (count === 1 ? 0 : roundHalfEven((count - 1 - i) * ((steps - 1) / (count - 1)))),
};

/** The names of the spacings. */
export const spacingNames = Object.keys(spacings) as readonly Spacing[];

export interface SpacingOptions {
  /** T, the number of timesteps of the process. */
  readonly steps: number;
  /** How many of them to visit. */
  readonly count: number;
  readonly spacing: Spacing;
  /** Added to every timestep; only for `leading`. */
  readonly offset?: number;
}

/**
 * The timesteps to visit, decreasing (Lin et al. 2023, Table 2). Only `trailing` and `linspace` begin at T − 1; `leading`
 * begins lower, where the process is not yet pure noise, and `linspace` with a count of 1 visits timestep 0.
 */
export function timestepSpacing({ steps, count, spacing, offset = 0 }: SpacingOptions): number[] {
  whole("timestep spacing: steps", steps);
  whole("timestep spacing: count", count);
  whole("timestep spacing: offset", offset, 0);
  if (!Object.hasOwn(spacings, spacing)) throw unknownName("timestep spacing", spacing, spacingNames);
  if (count > steps)
    throw new ConfigError(`timestep spacing: count must be at most ${steps}, the steps; got ${count}.`);
  const timesteps = Array.from({ length: count }, (_, i) => spacings[spacing](steps, count, offset)(i));
  if (timesteps[0] >= steps)
    throw new ConfigError(`timestep spacing: begins at ${timesteps[0]}, beyond ${steps - 1}. Lower offset ${offset}.`);
  return timesteps;
}
