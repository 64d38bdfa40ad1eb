/** Operations on the noise that a deterministic sampler starts from. */
import { ConfigError } from "../errors/index.ts";
import { combine } from "./combine.ts";

/**
 * Spherical interpolation (Shoemake 1985), sample by sample, from `a` (weight 0) to `b` (weight 1):
 * (sin((1 − w)ω) a + sin(wω) b)/sin ω, ω being the angle between the two. Unlike a straight line it keeps the typical
 * norm of noise, so a sampler run from the result gives an image between the two. Parallel samples are interpolated
 * along the line.
 * @throws ConfigError if two samples point exactly opposite ways, or one is 0: no arc is then the shortest.
 */
export function slerp(a: Float64Array, b: Float64Array, weight: number, samples: number): Float64Array {
  const dims = a.length / samples;
  if (!(Number.isInteger(samples) && Number.isInteger(dims) && dims > 0 && b.length === a.length))
    throw new ConfigError(`slerp: ${a.length} and ${b.length} numbers do not make ${samples} samples each.`);
  const out = new Float64Array(a.length);
  for (let row = 0; row < samples; row++) {
    const [u, v] = [a, b].map((all) => all.subarray(row * dims, (row + 1) * dims));
    const omega = angle(u, v);
    const sine = Math.sin(omega);
    if (Number.isNaN(omega) || (sine < 1e-8 && omega > 1))
      throw new ConfigError(`slerp: no arc joins samples ${row}: they are opposite, or one of them is 0.`);
    const [p, q] =
      sine < 1e-8 ? [1 - weight, weight] : [Math.sin((1 - weight) * omega) / sine, Math.sin(weight * omega) / sine];
    combine(out.subarray(row * dims, (row + 1) * dims), [p, u], [q, v]);
  }
  return out;
}

/** The angle between two vectors. */
function angle(u: Float64Array, v: Float64Array): number {
  let [dot, uu, vv] = [0, 0, 0];
  for (let i = 0; i < u.length; i++) {
    dot += u[i] * v[i];
    uu += u[i] ** 2;
    vv += v[i] ** 2;
  }
  return Math.acos(Math.min(1, Math.max(-1, dot / Math.sqrt(uu * vv))));
}

/**
 * Starting noise at another temperature: multiplied by τ. Below 1 a deterministic sampler gives safer, less varied
 * samples.
 */
export function tempered(x: Float64Array, temperature: number): Float64Array {
  if (!(Number.isFinite(temperature) && temperature > 0))
    throw new ConfigError(`temperature: ${temperature} (a number above 0, 1 for none).`);
  return combine(new Float64Array(x.length), [temperature, x]);
}
