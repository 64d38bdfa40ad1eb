/** Feature vectors: what every metric compares, whatever network, pixels or points they came from. */
import { ConfigError } from "../errors/index.ts";

/** `count` vectors of `dims` numbers each, row after row, `[count, dims]`. Computations on them are in float64. */
export interface Features {
  readonly data: Float64Array | Float32Array | Uint8Array;
  readonly count: number;
  readonly dims: number;
}

/** Rows of numbers as features; all rows must be equally long. */
export function featuresOf(rows: readonly (readonly number[])[]): Features {
  const dims = rows[0]?.length ?? 0;
  const odd = rows.findIndex((row) => row.length !== dims);
  if (odd >= 0) throw new ConfigError(`features: row ${odd} has ${rows[odd].length} numbers (row 0 has ${dims}).`);
  return { data: Float64Array.from(rows.flat()), count: rows.length, dims };
}

/**
 * The first `channels` maps of a convolutional feature map `[count, mapChannels, pixels]`, flattened: the features of
 * sFID, which is the Fréchet distance of the first 7 channels of Inception's 17 × 17 `mixed_6/conv`, 2023 numbers
 * (Nash et al. 2021).
 */
export function spatialFeatures(maps: Features, mapChannels: number, channels = 7): Features {
  checkFeatures("spatialFeatures", maps);
  const whole = Number.isInteger(mapChannels) && mapChannels > 0 && maps.dims % mapChannels === 0;
  if (!whole || !Number.isInteger(channels) || channels < 1 || channels > mapChannels)
    throw new ConfigError(
      `spatialFeatures: ${channels} of ${mapChannels} channels do not fit vectors of ${maps.dims} numbers (expected 1 ≤ channels ≤ mapChannels, and mapChannels dividing ${maps.dims}).`,
    );
  const dims = (maps.dims / mapChannels) * channels;
  const data = new Float64Array(maps.count * dims);
  for (let i = 0; i < maps.count; i++) data.set(maps.data.subarray(i * maps.dims, i * maps.dims + dims), i * dims);
  return { data, count: maps.count, dims };
}

/** Throws unless the sizes fit, there are at least `least` vectors, and every number is finite. */
export function checkFeatures(where: string, { data, count, dims }: Features, least = 1): void {
  if (!Number.isInteger(dims) || dims < 1)
    throw new ConfigError(`${where}: dims must be a positive integer; got ${dims}.`);
  if (!Number.isInteger(count) || count < least)
    throw new ConfigError(`${where}: needs at least ${least} feature vector${least > 1 ? "s" : ""}; got ${count}.`);
  if (data.length !== count * dims)
    throw new ConfigError(
      `${where}: features hold ${data.length} numbers (expected ${count} × ${dims} = ${count * dims}).`,
    );
  const bad = firstNonFinite(data);
  if (bad >= 0)
    throw new ConfigError(
      `${where}: features must be finite; vector ${Math.floor(bad / dims)} has ${data[bad]} at position ${bad % dims}.`,
    );
}

/** `checkFeatures` for two sets that are compared with each other. */
export function checkPair(where: string, a: Features, b: Features, least = 1): void {
  checkFeatures(where, a, least);
  checkFeatures(where, b, least);
  if (a.dims !== b.dims)
    throw new ConfigError(
      `${where}: feature sizes differ: ${a.dims} and ${b.dims}. Were they made by the same extractor?`,
    );
}

/** Throws unless `value` is an integer from `lowest` to `highest`. */
export function checkInteger(where: string, name: string, value: number, lowest: number, highest = Infinity): void {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return;
  const range = highest === Infinity ? `an integer ≥ ${lowest}` : `an integer from ${lowest} to ${highest}`;
  throw new ConfigError(`${where}: ${name} must be ${range}; got ${value}.`);
}

function firstNonFinite(data: Features["data"]): number {
  if (data instanceof Uint8Array) return -1;
  // A sum is finite only if its terms are; most data passes here without a test per number.
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i];
  return Number.isFinite(sum) ? -1 : data.findIndex((value) => !Number.isFinite(value));
}
