/** Handing noise to samplers. */
import { ConfigError } from "../errors/index.ts";
import type { Term } from "./combine.ts";
import type { Noise } from "./denoise.ts";

/** What a sampler is handed besides its options. */
export interface Handed {
  /**
   * Where noise is drawn from. When it is given, a sampler draws at every step that could use noise, also where the
   * amplitude happens to be 0: the position in the stream depends on the step only, never on the options.
   */
  readonly noise?: Noise | undefined;
}

/** amplitude·n as a term of `combine`; no term without a source. */
export function kick(amplitude: number, noise: Noise | undefined): readonly Term[] {
  return noise ? [[amplitude, noise()]] : [];
}

/** Refuses a stochastic setting without a source of noise, before the first evaluation. */
export function needNoise(where: string, noise: Noise | undefined, setting: string): asserts noise {
  if (!noise)
    throw new ConfigError(`${where}: noise is missing: ${setting} adds noise (pass noise: () => Float64Array).`);
}
