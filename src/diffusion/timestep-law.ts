/** Where training looks: a probability law over times, timesteps or noise levels, drawn from given uniform numbers. */

/**
 * What a law draws: `"time"` t in [0, 1] with 0 clean; `"step"` a timestep counted from 0; `"sigma"` a noise level
 * σ̃ = σ/α; `"logSnr"` the full log-SNR λ = ln(α²/σ²).
 */
export type TimestepVariable = "time" | "step" | "sigma" | "logSnr";

/** A law of one number. `draw` is monotonic, so evenly spread uniforms give evenly spread draws. */
export interface TimestepLaw {
  readonly of: TimestepVariable;
  /** The draw that belongs to one uniform number in [0, 1). */
  draw(u: number): number;
  /** The exact density of the draws at `value`; for steps their probability. 0 outside the support. */
  density(value: number): number;
  /** The u in [0, 1] that draws `value`; for a step the least. */
  uniform(value: number): number;
  /** What somebody who chose these constants should know. */
  readonly warning?: string;
}

/**
 * Where training looks as it goes on: a law made from a state that may learn from the losses. The state is plain data,
 * to be saved with a checkpoint; a law that never changes has an empty one.
 */
export interface TimestepSampler {
  readonly of: TimestepVariable;
  readonly warning?: string;
  /** The state before training. */
  init(): Float64Array;
  /** The law at this state; it does not follow later changes of the state. */
  law(state: Float64Array): TimestepLaw;
  /** Changes the state by the losses that came out at the drawn `values`. Losses that are not finite are left out. */
  observe(state: Float64Array, values: ArrayLike<number>, losses: ArrayLike<number>): void;
}

/** The sampler that always has the same law. */
export function fixed(law: TimestepLaw): TimestepSampler {
  return {
    of: law.of,
    ...(law.warning === undefined ? {} : { warning: law.warning }),
    init: () => new Float64Array(0),
    law: () => law,
    observe: () => {},
  };
}

/** One draw for each uniform number. */
export function drawAll(law: TimestepLaw, uniforms: ArrayLike<number>): Float64Array {
  return Float64Array.from(uniforms, (u) => law.draw(u));
}

/** Gives a law its ends: rounding moves no draw outside [min, max], where the density is 0. */
export function supported(min: number, max: number, law: TimestepLaw): TimestepLaw {
  return {
    ...law,
    draw: (u) => Math.min(Math.max(law.draw(u), min), max),
    density: (value) => (value >= min && value <= max ? law.density(value) : 0),
    uniform: (value) => Math.min(Math.max(law.uniform(value), 0), 1),
  };
}

/** A law on [0, 1] of the quantiles, low noise first, made into a law of what `inner` draws. */
export function overQuantiles(outer: TimestepLaw, inner: TimestepLaw): TimestepLaw {
  const rising = inner.draw(0.25) < inner.draw(0.75);
  const noisierWithU = inner.of === "logSnr" ? !rising : rising;
  const flip = (u: number) => (noisierWithU ? u : 1 - u);
  return {
    of: inner.of,
    draw: (u) => inner.draw(flip(outer.draw(u))),
    density: (value) => {
      const density = inner.density(value);
      return density === 0 ? 0 : density * outer.density(flip(inner.uniform(value)));
    },
    uniform: (value) => outer.uniform(flip(inner.uniform(value))),
    ...(outer.warning === undefined ? {} : { warning: outer.warning }),
  };
}

/** The law of λ = −2 ln σ̃ when σ̃ follows `law`. */
export function logSnrOfSigma(law: TimestepLaw): TimestepLaw {
  return {
    ...law,
    of: "logSnr",
    draw: (u) => -2 * Math.log(law.draw(u)),
    density: (logSnr) => {
      const sigma = Math.exp(-logSnr / 2);
      return (law.density(sigma) * sigma) / 2;
    },
    uniform: (logSnr) => law.uniform(Math.exp(-logSnr / 2)),
  };
}

/** Keeps a uniform number away from 0 and 1, where laws of unbounded support have no draw. */
export function inside(u: number): number {
  return Math.min(Math.max(u, 2 ** -54), 1 - 2 ** -53);
}
