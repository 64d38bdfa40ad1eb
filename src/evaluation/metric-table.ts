/** Every metric of `ornstein eval`: what it needs, and how it is computed. */
import { ConfigError, unknownName } from "../errors/index.ts";
import {
  colourDistance,
  type Features,
  frechetDistance,
  inceptionScore,
  kernelDistance,
  kernelDistanceOfSubsets,
  memorisation,
  precisionRecall,
  twoSampleTest,
} from "../metrics/index.ts";
import { normals, stream } from "../random/index.ts";
import { slicedW2, unitDirections } from "../transport/index.ts";
import { type Reference, type Seen, sliceSeen } from "./reference.ts";

/** A number that a metric gives, and which way is better. */
export interface Figure {
  readonly name: string;
  readonly better: "lower" | "higher";
}

export interface MetricEntry {
  readonly summary: string;
  /** Its numbers; most metrics have one. */
  readonly figures: readonly Figure[];
  /** What it wants besides features; data that lack it cannot be judged so. */
  readonly needs: readonly Need[];
  /** Whether it is computed where nobody says which metrics are. */
  readonly usual: (of: { readonly points: boolean }) => boolean;
  /** Whether what other examples of the reference score means nothing, as they are in it. */
  readonly floorless?: boolean;
  readonly compute: (generated: Seen, reference: Reference) => readonly number[];
}

/** `sample`: features of single reference examples, which bare statistics do not have. */
export type Need = "spatial" | "logits" | "labels" | "colour" | "sample";

const lower = (name: string): Figure => ({ name, better: "lower" });
const higher = (name: string): Figure => ({ name, better: "higher" });

/** Nearest neighbours that make a ball of the manifold (Kynkäänniemi et al. 2019). */
const neighbours = 3;
const slices = 200;
/** Splits of the Inception score, as customary (Salimans et al. 2016); fewer where they would hold few images. */
const splits = 10;
const leastInSplit = 200;
/** Samples of a seed whose nearest training image is sought. */
const checkedForCopies = 500;

const table = {
  fd: {
    summary: "Fréchet distance of the features; with Inception's, FID",
    figures: [lower("fd")],
    needs: [],
    usual: () => true,
    compute: (generated, { features }) => [frechetDistance(features, generated.features).distance],
  },
  sfd: {
    summary: "Fréchet distance of the spatial features; with Inception's, sFID",
    figures: [lower("sfd")],
    needs: ["spatial"],
    usual: () => true,
    compute: (generated, { spatial }) => [frechetDistance(spatial!, generated.spatial!).distance],
  },
  kid: {
    summary: "kernel distance, unbiased, with as many examples of the reference",
    figures: [lower("kid")],
    needs: ["sample"],
    usual: () => true,
    compute: (generated, reference) => [
      kernelDistance(asMany(reference, generated.features.count).features, generated.features).unbiased,
    ],
  },
  "kid-subsets": {
    summary: "kernel distance as papers report it: the mean over 100 subsets of 1000, or of all if there are fewer",
    figures: [lower("kid-subsets")],
    needs: ["sample"],
    usual: () => false,
    compute: (generated, reference) => {
      const draws = stream(0, "kernel subsets", 0);
      const uniform = () => draws.uniform();
      return [kernelDistanceOfSubsets(reference.sample!.features, generated.features, { uniform }).mean];
    },
  },
  copies: {
    summary: "share of samples much nearer to one training image than to any other: learnt by heart",
    figures: [lower("copies")],
    needs: ["sample"],
    usual: ({ points }) => !points,
    floorless: true,
    compute: (generated, { sample }) => {
      const some = sliceSeen(generated, 0, Math.min(checkedForCopies, generated.features.count));
      return [memorisation(some.features, sample!.features).copied];
    },
  },
  pr: {
    summary: "precision, recall, density and coverage, with as many examples of the reference",
    figures: [higher("precision"), higher("recall"), higher("density"), higher("coverage")],
    needs: ["sample"],
    usual: ({ points }) => !points,
    compute: (generated, reference) => {
      const real = asMany(reference, generated.features.count).features;
      const { precision, recall, density, coverage } = precisionRecall(real, generated.features, { k: neighbours });
      return [precision, recall, density, coverage];
    },
  },
  is: {
    summary: "Inception score: how sure and how varied the classifier's answers are",
    figures: [higher("is")],
    needs: ["logits"],
    usual: () => true,
    compute: ({ logits }) => [
      inceptionScore(logits!, { splits: Math.max(1, Math.min(splits, Math.floor(logits!.count / leastInSplit))) }).mean,
    ],
  },
  accuracy: {
    summary: "share of samples that the classifier takes for the class asked for",
    figures: [higher("accuracy")],
    needs: ["logits", "labels"],
    usual: () => true,
    compute: ({ logits, labels }) => [share(logits!, labels!)],
  },
  colour: {
    summary: "distance between the mean colours, in grey levels",
    figures: [lower("colour")],
    needs: ["colour", "sample"],
    usual: () => true,
    compute: (generated, { sample }) => [
      colourDistance(sample!.colour!, generated.colour!, generated.colour!.dims).distance,
    ],
  },
  w2: {
    summary: "sliced Wasserstein-2 distance of the features",
    figures: [lower("w2")],
    needs: ["sample"],
    usual: ({ points }) => points,
    compute: (generated, { sample }) => {
      const { dims } = generated.features;
      const directions = unitDirections(normals(0, "slices", 0, slices * dims), dims);
      return [slicedW2(sample!.features.data, generated.features.data, dims, directions)];
    },
  },
  c2st: {
    summary: "accuracy of a nearest-neighbour classifier that tells samples from data; ½ is perfect",
    figures: [lower("c2st")],
    needs: ["sample"],
    usual: ({ points }) => points,
    compute: (generated, reference) => [
      twoSampleTest(asMany(reference, generated.features.count).features, generated.features).accuracy,
    ],
  },
} as const satisfies Readonly<Record<string, MetricEntry>>;

export type MetricName = keyof typeof table;
export const metricTable: Readonly<Record<MetricName, MetricEntry>> = table;
export const metricNames = Object.keys(table) as readonly MetricName[];

/** As many reference examples as there are samples, or all there are. */
function asMany({ sample }: Reference, count: number): Seen {
  return sliceSeen(sample!, 0, Math.min(count, sample!.features.count));
}

function share({ data, count, dims }: Features, labels: Int32Array): number {
  let right = 0;
  for (let i = 0; i < count; i++) {
    const row = data.subarray(i * dims, (i + 1) * dims);
    if (row.indexOf(Math.max(...row)) === labels[i]) right++;
  }
  return right / count;
}

/** Reads metrics as a user lists them. */
export function parseMetrics(where: string, names: readonly string[]): MetricName[] {
  return names.map((name) => {
    if (!Object.hasOwn(table, name)) throw unknownName(where, name, metricNames);
    return name as MetricName;
  });
}

/** The metrics to compute: those asked for, which must be possible, or the usual ones that are. */
export function chooseMetrics(
  asked: readonly MetricName[] | undefined,
  has: ReadonlySet<Need>,
  points: boolean,
): readonly MetricName[] {
  const lacking = (name: MetricName) => metricTable[name].needs.find((need) => !has.has(need));
  if (asked === undefined)
    return metricNames.filter((name) => metricTable[name].usual({ points }) && lacking(name) === undefined);
  for (const name of asked) {
    const need = lacking(name);
    if (need !== undefined) throw new ConfigError(`--metrics: ${name} needs ${remedies[need]}.`);
  }
  return asked;
}

const remedies: { readonly [N in Need]: string } = {
  spatial: "a feature network with a spatial output, such as Inception's 17×17 maps",
  logits: "a feature network with logits: data with classes, or Inception",
  labels: "a model with classes that are the feature network's own",
  colour: "images; these are points",
  sample: "the reference's images; statistics alone do not have them",
};
