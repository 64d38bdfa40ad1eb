/** What a number was made with, kept beside it: numbers made otherwise do not compare. */
import type { PixelConvention } from "../data/index.ts";
import type { ExtractorRecord } from "./extractor.ts";
import type { MetricName } from "./metric-table.ts";
import type { ReferenceRecord } from "./reference.ts";

export interface Protocol {
  /** Samples of each seed. */
  readonly n: number;
  readonly seeds: readonly number[];
  readonly features: ExtractorRecord;
  readonly reference: ReferenceRecord;
  /** How samples were made bytes. */
  readonly rounding: PixelConvention;
}

/** Whether numbers of two protocols may be put side by side; if not, what differs. */
export function incomparable(a: Protocol, b: Protocol): string | undefined {
  if (a.n !== b.n) return `n is ${a.n} and ${b.n}`;
  if (a.features.hash !== b.features.hash) return `features are ${a.features.name} and ${b.features.name}`;
  if (a.reference.hash !== b.reference.hash) return `references are ${a.reference.name} and ${b.reference.name}`;
  if (a.rounding !== b.rounding) return `rounding is ${a.rounding} and ${b.rounding}`;
  return undefined;
}

/** A covariance of d numbers from fewer samples than this many times d says more about the samples than about the model. */
const samplesPerDimension = 10;
const published = 50_000;

/** What a reader of the numbers should know, in sentences. */
export function cautions(
  { n, seeds, features, reference }: Protocol,
  metrics: readonly MetricName[],
  dims: number,
): string[] {
  const found: string[] = [];
  const frechet = metrics.some((metric) => metric === "fd" || metric === "sfd");
  if (frechet && n < samplesPerDimension * dims)
    found.push(
      `${n} samples are few for a Fréchet distance of ${dims} features: it comes out too large. Compare it only with distances of ${n} samples, or take ${samplesPerDimension * dims}; kid has no such bias.`,
    );
  if (frechet && features.name.startsWith("inception") && n !== published)
    found.push(`This is FID-${n}, not the FID-${published} of papers: do not put them side by side.`);
  if (metrics.includes("is") && n < 5000) found.push(`An inception score of ${n} samples comes out too small.`);
  if (metrics.includes("kid") && n < 1000 && n < (reference.size ?? Infinity))
    found.push(`A kernel distance of ${n} samples varies much; 1,000 are customary.`);
  if (metrics.includes("pr") && n < 1000)
    found.push(`Precision and recall of ${n} samples are rough, and depend on n: compare at equal n only.`);
  if (seeds.length < 2) found.push("One seed gives no interval. Two or more (--seeds) show how much the numbers vary.");
  if (features.accuracy !== undefined && features.task === "turns" && features.accuracy < 0.5)
    found.push(
      `The feature network tells turned images apart in ${(100 * features.accuracy).toFixed(0)} % of cases: features of such data may mean little.`,
    );
  return found;
}
