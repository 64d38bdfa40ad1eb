/** How `ornstein eval` judges samples: what looks at them, what they are held against, and the metrics between. */
import { existsSync } from "node:fs";
import { cacheFolder, holdsFeatureStatistics, readFeatureStatistics } from "../data/files/index.ts";
import type { Dataset } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import {
  cautions,
  chooseMetrics,
  type Examples,
  type Extractor,
  type MetricName,
  measure,
  type Need,
  type Protocol,
  type Reference,
  type Seen,
  seeAll,
} from "../evaluation/index.ts";
import { cachedReference, type Evaluation, hashBytes, type Subject } from "../runs/index.ts";
import type { Terminal } from "./command.ts";
import { showing, shown } from "./eta.ts";
import type { EvalFlags } from "./eval.ts";
import { type Chosen, extractorFor } from "./features.ts";
import { loadSource, type SourceFlags, testSplit } from "./sources.ts";

/** Everything but the samples. */
export interface Against {
  readonly extractor: Extractor;
  readonly reference: Reference;
}

/** What is judged, as far as the reference must fit it. */
export interface Judged {
  /** Where a run's own data come from, and what they are. */
  readonly source: string;
  readonly own?: Dataset;
  readonly shape: readonly number[];
}

/** The reference and the network that looks at it. Throws ConfigError where examples differ in shape. */
export async function prepareReference(
  flags: EvalFlags,
  chosen: Chosen,
  { source, own, shape }: Judged,
  terminal: Terminal,
): Promise<Against> {
  const named = flags.reference;
  if (named?.endsWith(".npz") && existsSync(named) && (await holdsFeatureStatistics(named))) {
    const extractor = await extractorFor(chosen, undefined, async () => undefined, flags, terminal);
    const statistics = await readFeatureStatistics(named);
    const { mean, covariance } = statistics.features;
    return {
      extractor,
      reference: { record: { name: named, hash: hashBytes(mean, covariance), size: null }, ...statistics },
    };
  }
  const asShaped: SourceFlags =
    shape.length === 3
      ? { ...flags, size: flags.size ?? `${shape[1]}x${shape[2]}`, channels: flags.channels ?? shape[0] }
      : flags;
  const dataset = named === undefined ? own! : await loadSource(named, asShaped, terminal);
  if (dataset.shape.join() !== shape.join())
    throw new ConfigError(
      `eval: the reference ${dataset.name} has examples of [${dataset.shape.join(", ")}]; what is judged has [${shape.join(", ")}]. Give --size or --channels.`,
    );
  const test = () => testSplit(named ?? source, asShaped, terminal);
  const extractor = await extractorFor(chosen, dataset, test, flags, terminal);
  const show = showing(terminal);
  const reference = await shown(cachedReference(dataset, extractor, cacheFolder()), ({ done, total }) =>
    show(`looking at ${dataset.name}`, done, total),
  );
  return { extractor, reference };
}

/** How the samples of these seeds are judged, for the record. */
export const protocolOf = (
  { n, rounding }: Pick<EvalFlags, "n" | "rounding">,
  seeds: readonly number[],
  { extractor, reference }: Against,
): Protocol => ({
  n,
  seeds,
  features: extractor.record,
  reference: reference.record,
  rounding,
});

/** Evaluates sets of samples, one of each seed. Throws ConfigError where no metric can be computed. */
export async function judge(
  subject: Subject,
  protocol: Protocol,
  sets: readonly Examples[],
  labels: readonly Int32Array[] | undefined,
  { extractor, reference }: Against,
  asked: readonly MetricName[] | undefined,
  terminal: Terminal,
): Promise<Evaluation> {
  const show = showing(terminal);
  const seen: Seen[] = [];
  for (const [i, set] of sets.entries())
    seen.push(
      await shown(seeAll(extractor, set, labels?.[i]), ({ done, total }) =>
        show(`looking at samples of ${sets.length} seeds`, i + done / total, sets.length),
      ),
    );
  const metrics = chooseMetrics(asked, has(seen[0], reference, extractor), seen[0].colour === undefined);
  if (metrics.length === 0)
    throw new ConfigError("eval: no metric can be computed with these features and this reference.");
  const measuring = measure(metrics, seen, reference);
  let next = measuring.next();
  for (let done = 0; !next.done; done++, next = measuring.next()) show(`computing ${next.value}`, done, metrics.length);
  return {
    at: new Date().toISOString(),
    subject,
    protocol,
    metrics,
    measurements: next.value,
    cautions: cautions(protocol, metrics, seen[0].features.dims),
  };
}

/** What there is to compute metrics from. */
function has(seen: Seen, reference: Reference, { record }: Extractor): ReadonlySet<Need> {
  const needs: Need[] = [];
  if (seen.spatial && reference.spatial) needs.push("spatial");
  if (seen.logits) needs.push("logits");
  if (seen.labels && record.task === "classes") needs.push("labels");
  if (seen.colour) needs.push("colour");
  if (reference.sample) needs.push("sample");
  return new Set(needs);
}
