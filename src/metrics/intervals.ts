/** Error bars: of a metric repeated with several seeds, and of a statistic of one sample by resampling. */
import { ConfigError } from "../errors/index.ts";
import { checkInteger } from "./features.ts";
import type { Uniform } from "./subsets.ts";

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** A metric's values over repetitions. */
export interface Repetitions extends Interval {
  readonly count: number;
  readonly mean: number;
  /** Sample standard deviation (n − 1). */
  readonly std: number;
  readonly standardError: number;
  /** The least value: what papers report as "minimum over 3". It falls as repetitions are added. */
  readonly minimum: number;
}

export interface IntervalOptions {
  /** Probability that the interval covers the true value. 0.95. */
  readonly level?: number;
}

/** Mean of at least two independent repetitions with Student's interval, mean ± t·s/√n. */
export function repetitions(values: ArrayLike<number>, { level = 0.95 }: IntervalOptions = {}): Repetitions {
  const count = values.length;
  checkInteger("repetitions", "the number of values", count, 2);
  checkLevel("repetitions", level);
  const { mean, std } = spread("repetitions", values);
  const minimum = Math.min(...Array.from(values));
  const standardError = std / Math.sqrt(count);
  const half = studentQuantile(level, count - 1) * standardError;
  return { count, mean, std, standardError, minimum, low: mean - half, high: mean + half };
}

/** How far a metric of one model lies from that of another. */
export interface MetricDifference extends Interval {
  /** Mean of the second minus mean of the first. */
  readonly mean: number;
  /** Two-sided: how likely so large a difference is where there is none. */
  readonly p: number;
  /** Whether repetitions were taken in pairs. */
  readonly paired: boolean;
}

/**
 * Student's test of a difference of means, of at least two repetitions each. `paired` takes the i-th of both together, as
 * they should be where they share a seed: what it does to both cancels. Otherwise Welch's (1947), of unequal variances,
 * with its degrees of freedom rounded down, which makes the interval a little too long.
 */
export function metricDifference(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  { paired, level = 0.95 }: IntervalOptions & { readonly paired: boolean },
): MetricDifference {
  const where = "metricDifference";
  for (const { length } of [first, second]) checkInteger(where, "the number of values", length, 2);
  checkLevel(where, level);
  if (paired && first.length !== second.length)
    throw new ConfigError(`${where}: ${first.length} and ${second.length} values make no pairs (as many of both).`);
  const { mean, variance, nu } = paired ? ofPairs(first, second) : ofMeans(first, second);
  const error = Math.sqrt(variance);
  const half = error === 0 ? 0 : studentQuantile(level, nu) * error;
  const p = error > 0 ? 1 - studentWithin(Math.abs(mean) / error, nu) : mean === 0 ? 1 : 0;
  return { mean, low: mean - half, high: mean + half, p: Math.max(0, p), paired };
}

function ofPairs(first: ArrayLike<number>, second: ArrayLike<number>) {
  const { mean, std } = spread(
    "metricDifference",
    Array.from(second, (value, i) => value - first[i]),
  );
  return { mean, variance: std ** 2 / first.length, nu: first.length - 1 };
}

function ofMeans(first: ArrayLike<number>, second: ArrayLike<number>) {
  const [a, b] = [first, second].map((values) => {
    const { mean, std } = spread("metricDifference", values);
    return { mean, variance: std ** 2 / values.length, nu: values.length - 1 };
  });
  const variance = a.variance + b.variance;
  const nu = variance === 0 ? 1 : variance ** 2 / (a.variance ** 2 / a.nu + b.variance ** 2 / b.nu);
  return { mean: b.mean - a.mean, variance, nu: Math.max(1, Math.floor(nu + 1e-9)) };
}

export interface BootstrapOptions extends IntervalOptions {
  /** Where randomness comes from. */
  readonly uniform: Uniform;
  /** How often the sample is drawn anew. 1000, which places 95 % limits to about a tenth of a standard error. */
  readonly resamples?: number;
}

export interface Bootstrap extends Interval {
  /** The statistic of the sample itself. */
  readonly value: number;
  /** Its standard deviation over resamples. */
  readonly standardError: number;
}

/**
 * Percentile interval of any statistic of `count` items (Efron 1979). `statistic` gets the rows to use, with repeats.
 * Right for means and the like. Not for distances between sets, such as Fréchet's or a nearest neighbour's: repeated rows
 * bias them. Repeat those with new seeds instead.
 */
export function bootstrap(
  count: number,
  statistic: (rows: Int32Array) => number,
  { uniform, resamples = 1000, level = 0.95 }: BootstrapOptions,
): Bootstrap {
  checkInteger("bootstrap", "count", count, 1);
  checkInteger("bootstrap", "resamples", resamples, 2);
  checkLevel("bootstrap", level);
  const rows = Int32Array.from({ length: count }, (_, i) => i);
  const value = statistic(rows.slice());
  const values = Float64Array.from({ length: resamples }, () =>
    statistic(rows.map(() => Math.floor(uniform() * count))),
  ).sort();
  return {
    value,
    standardError: spread("bootstrap", values).std,
    low: quantile(values, (1 - level) / 2),
    high: quantile(values, (1 + level) / 2),
  };
}

/** Mean and sample standard deviation (n − 1). */
function spread(where: string, values: ArrayLike<number>): { mean: number; std: number } {
  let mean = 0;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]))
      throw new ConfigError(`${where}: values must be finite; value ${i} is ${values[i]}.`);
    const step = values[i] - mean;
    mean += step / (i + 1);
    squares += step * (values[i] - mean);
  }
  return { mean, std: Math.sqrt(squares / (values.length - 1)) };
}

/** Quantile of ascending values, linear between them: position q(n − 1). */
function quantile(sorted: Float64Array, q: number): number {
  const position = q * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}

function checkLevel(where: string, level: number): void {
  if (!(level > 0 && level < 1)) throw new ConfigError(`${where}: level must be between 0 and 1; got ${level}.`);
}

/** The t with P(|T| ≤ t) = level, for Student's T with ν degrees of freedom; by bisection. */
function studentQuantile(level: number, nu: number): number {
  let [low, high] = [0, 1];
  while (studentWithin(high, nu) < level) high *= 2;
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (studentWithin(middle, nu) < level) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * P(|T| ≤ t) for ν degrees of freedom, with θ = arctan(t/√ν), by the finite series of Abramowitz and Stegun (1964),
 * 26.7.3 (ν odd) and 26.7.4 (ν even).
 */
function studentWithin(t: number, nu: number): number {
  const theta = Math.atan2(t, Math.sqrt(nu));
  const [sine, cosine] = [Math.sin(theta), Math.cos(theta)];
  const odd = nu % 2 === 1;
  let term = odd ? cosine : 1;
  let sum = 0;
  for (let k = odd ? 1 : 0; k <= nu - 2; k += 2) {
    sum += term;
    term *= (cosine * cosine * (k + 1)) / (k + 2);
  }
  return odd ? (2 / Math.PI) * (theta + sine * sum) : sine * sum;
}
