/** Metrics over several seeds: each number with its interval, and what data of the same kind would score. */
import { type Repetitions, repetitions } from "../metrics/index.ts";
import { type MetricName, metricTable } from "./metric-table.ts";
import { type Reference, type Seen, sliceSeen } from "./reference.ts";

/** One number. */
export interface Measurement {
  readonly name: string;
  readonly better: "lower" | "higher";
  /** One value a seed. */
  readonly values: readonly number[];
  /** Mean of the values with Student's 95 % interval; there if there are two seeds or more. */
  readonly over?: Repetitions;
  /** What as many other examples of the reference itself score: nothing does better, but by chance. */
  readonly floor?: number;
}

/** Computes the metrics for sets of equally many samples, one a seed. Yields the metric that comes next. */
export function* measure(
  metrics: readonly MetricName[],
  sets: readonly Seen[],
  reference: Reference,
): Generator<MetricName, Measurement[], void> {
  const real = otherExamples(reference, sets[0].features.count);
  const measurements: Measurement[] = [];
  for (const metric of metrics) {
    yield metric;
    const { figures, compute, needs, floorless } = metricTable[metric];
    const perSet = sets.map((set) => compute(set, reference));
    const ofReal =
      real && !floorless && needs.every((need) => need === "sample" || real[need])
        ? compute(real, reference)
        : undefined;
    for (const [i, { name, better }] of figures.entries()) {
      const values = perSet.map((numbers) => numbers[i]);
      measurements.push({
        name,
        better,
        values,
        ...(values.length >= 2 && { over: repetitions(values) }),
        ...(ofReal && { floor: ofReal[i] }),
      });
    }
  }
  return measurements;
}

/** As many examples of the reference, none of them among those that neighbours are sought in. */
function otherExamples({ sample }: Reference, count: number): Seen | undefined {
  return sample && sample.features.count >= 2 * count ? sliceSeen(sample, count, 2 * count) : undefined;
}
