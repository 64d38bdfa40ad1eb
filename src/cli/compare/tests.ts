/** Whether runs differ in their metrics by more than chance. */
import { incomparable } from "../../evaluation/index.ts";
import { type MetricDifference, metricDifference } from "../../metrics/index.ts";
import type { Evaluation } from "../../runs/index.ts";

/** One metric of two runs, by their positions. */
export interface PairTest extends MetricDifference {
  readonly first: number;
  readonly second: number;
  readonly metric: string;
  readonly better: "lower" | "higher";
}

/**
 * Every metric of the latest evaluation of every two runs, where both were computed alike, of two seeds or more: in pairs
 * if the seeds are the same, for then runs of the same data began from the same noise.
 */
export function pairTests(runs: readonly { readonly evaluations: readonly Evaluation[] }[]): PairTest[] {
  const latest = runs.map(({ evaluations }) => evaluations.at(-1));
  return latest.flatMap((a, first) =>
    latest.flatMap((b, second) =>
      a && b && first < second ? testsOf(a, b).map((t) => ({ first, second, ...t })) : [],
    ),
  );
}

function testsOf(a: Evaluation, b: Evaluation) {
  if (incomparable(a.protocol, b.protocol)) return [];
  const paired = a.protocol.seeds.join() === b.protocol.seeds.join();
  return a.measurements.flatMap(({ name, better, values }) => {
    const other = b.measurements.find((one) => one.name === name)?.values ?? [];
    const usable = [values, other].every((all) => all.length >= 2 && all.every(Number.isFinite));
    return usable ? [{ metric: name, better, ...metricDifference(values, other, { paired }) }] : [];
  });
}

/** "lower by 1.2 ± 0.4, better, p = 0.01, paired"; no verdict where the interval holds 0. */
export function describeTest({ mean, low, high, p, paired, better }: PairTest): string {
  const half = (high - low) / 2;
  const sure = low > 0 || high < 0;
  const verdict = sure ? (mean < 0 === (better === "lower") ? "better" : "worse") : "no difference shown";
  const digits = digitsOf(half, mean);
  const chance = p < 0.001 ? "p < 0.001" : `p = ${Number(p.toPrecision(2))}`;
  return `${mean > 0 ? "+" : mean < 0 ? "−" : ""}${Math.abs(mean).toFixed(digits)} ± ${half.toFixed(digits)}, ${chance}${paired ? ", paired" : ""}: ${verdict}`;
}

/** Digits after the point, two of half an interval. */
export const digitsOf = (half: number, mean: number): number =>
  half > 0 ? Math.max(0, Math.min(8, 1 - Math.floor(Math.log10(half)))) : mean === 0 ? 0 : 4;
