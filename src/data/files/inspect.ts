/** What a person should know about a data set before training on it: numbers, advice, warnings. */
import { type Dataset, elements, subset } from "../dataset.ts";
import { type Duplicate, duplicates, labelCounts, type Statistics, statistics } from "../statistics.ts";
import type { ImageSummary, LoadedDataset, Progress, Skipped } from "./loading.ts";

/** How large to make images, and what that costs. */
export interface Recommendation {
  /** [height, width]. */
  readonly size: readonly [number, number];
  /** Mean share of an image that is cut off to give it those proportions. */
  readonly lost: number;
  /** Share of the images that would have to be enlarged. */
  readonly enlarged: number;
}

/** A data set in numbers. */
export interface Inspection {
  readonly name: string;
  readonly size: number;
  readonly shape: readonly number[];
  /** Of the files, where the data are image files. */
  readonly files?: ImageSummary;
  /** Files that could not be read. */
  readonly skipped: readonly Skipped[];
  readonly statistics: Statistics;
  /** Examples that equal an earlier one, among the `searched` first. */
  readonly duplicates: readonly Duplicate[];
  readonly searched: number;
  /** How many examples each class has. */
  readonly labels?: Readonly<Record<string, number>>;
  readonly recommended?: Recommendation;
  /** What was done to the data when they were read. */
  readonly notes: readonly string[];
  /** What may go wrong, each with what to do. */
  readonly warnings: readonly string[];
}

/** Numbers read for statistics and in search of duplicates; of larger sets a part is looked at. */
const mostNumbers = 5e8;

/** Looks at a data set. Yields what it does next. */
export async function* inspect(dataset: LoadedDataset): AsyncGenerator<Progress, Inspection, void> {
  const { name, size, shape, classes, report } = dataset;
  const affordable = Math.max(1, Math.floor(mostNumbers / elements(shape)));
  yield { done: 0, total: 3, what: "computing mean and deviation" };
  const found = statistics(dataset, { examples: affordable });
  yield { done: 1, total: 3, what: "looking for duplicates" };
  const searched = Math.min(size, affordable);
  const repeated = duplicates(searched < size ? firstOf(dataset, searched) : dataset);
  yield { done: 2, total: 3, what: "counting labels" };
  const counts = labelCounts(dataset);
  const labels = counts && classes && Object.fromEntries(classes.map((label, i) => [label, counts[i]]));
  const inspection = {
    name,
    size,
    shape,
    ...(report.images && { files: report.images }),
    skipped: report.skipped,
    statistics: found,
    duplicates: repeated,
    searched,
    ...(labels && { labels }),
    ...(report.images && { recommended: recommend(report.images.sizes) }),
  };
  return { ...inspection, notes: report.notes, warnings: warningsOf(inspection) };
}

const firstOf = (dataset: Dataset, count: number) =>
  subset(
    dataset,
    Array.from({ length: count }, (_, i) => i),
    dataset.name,
  );

/** Few images have to be enlarged: this share at most. */
const tolerated = 0.1;
/** Proportions count as equal within this. */
const closeness = 1.05;

/** The size for images of those sizes ("HxW" and how many): a power of two at the shorter side, seldom above what is there. */
export function recommend(sizes: Readonly<Record<string, number>>): Recommendation {
  const all = Object.entries(sizes).map(([text, count]) => {
    const [height, width] = text.split("x").map(Number);
    return { height, width, count, short: Math.min(height, width) };
  });
  const total = all.reduce((sum, { count }) => sum + count, 0);
  const shareOf = (of: (one: (typeof all)[number]) => number) =>
    all.reduce((sum, one) => sum + one.count * of(one), 0) / total;
  let left = tolerated * total;
  const typical = all.toSorted((a, b) => a.short - b.short).find(({ count }) => (left -= count) < 0);
  const side = Math.max(8, Math.min(1024, 2 ** Math.floor(Math.log2(typical!.short))));
  // Where nearly all have the same proportions, these are kept.
  let before = 0;
  const middle = all
    .toSorted((a, b) => a.height / a.width - b.height / b.width)
    .find(({ count }) => (before += count) >= total / 2);
  const ratio = middle!.height / middle!.width;
  const alike = shareOf(({ height, width }) => (near(height / width, ratio) ? 1 : 0)) >= 1 - tolerated;
  const longer = (by: number) => 8 * Math.round((side * by) / 8);
  const size: readonly [number, number] =
    !alike || near(ratio, 1) ? [side, side] : ratio > 1 ? [longer(ratio), side] : [side, longer(1 / ratio)];
  const wanted = size[0] / size[1];
  return {
    size,
    lost: shareOf(({ height, width }) => 1 - Math.min(height / width / wanted, (wanted * width) / height)),
    enlarged: shareOf(({ height, width }) => (height < size[0] || width < size[1] ? 1 : 0)),
  };
}

const near = (a: number, b: number) => a < b * closeness && b < a * closeness;

/** Data sets below this are learnt by heart rather than learnt from. */
const few = 1000;

function warningsOf(found: Omit<Inspection, "warnings" | "notes">): string[] {
  const { size, shape, files, skipped, statistics: numbers, duplicates: repeated, searched, labels } = found;
  const { min, max, std, nonFinite } = numbers;
  const warnings: string[] = [];
  const images = shape.length === 3;
  if (skipped.length > 0)
    warnings.push(
      `${skipped.length} ${skipped.length === 1 ? "file" : "files"} cannot be read: left out. Replace or delete.`,
    );
  if (nonFinite > 0)
    warnings.push(`${nonFinite} numbers are not finite: training would end at the first. Remove them.`);
  if (repeated.length > 0) {
    const share = ((100 * repeated.length) / searched).toFixed(1);
    warnings.push(
      `${repeated.length} ${repeated.length === 1 ? "example equals" : "examples equal"} another (${share} %): what is there twice is learnt more often, and hides copies from the memorisation check. Remove repetitions unless they are meant.`,
    );
  }
  if (images && (min < -1.001 || max > 1.001))
    warnings.push(
      `numbers run from ${short(min)} to ${short(max)}; networks expect images in [−1, 1]. Divide by 127.5 and subtract 1, or save bytes.`,
    );
  if (images && min >= 0 && max <= 1.001)
    warnings.push(`numbers run from ${short(min)} to ${short(max)}: images in [0, 1]? Networks expect [−1, 1].`);
  if (std < 1e-3) warnings.push(`all numbers are nearly equal (standard deviation ${short(std)}). Is this the data?`);
  else if (images && (std < 0.25 || std > 0.75))
    warnings.push(
      `σ_data is ${short(std)}, far from the 0.5 that presets of papers assume: keep data.sigmaData "auto", or set it.`,
    );
  if (images && (shape[1] % 8 !== 0 || shape[2] % 8 !== 0)) {
    const up = (side: number) => 8 * Math.ceil(side / 8);
    const [height, width] = [up(shape[1]), up(shape[2])];
    warnings.push(
      `sides of ${shape[1]}×${shape[2]} are no multiples of 8: U-Nets that halve them so often work in a frame of zeros around them, which costs time. --size ${height === width ? height : `${height}x${width}`} makes use of it.`,
    );
  }
  if (files) warnings.push(...modeWarnings(files, shape));
  if (labels) warnings.push(...labelWarnings(labels));
  if (size < few)
    warnings.push(
      `${size} ${size === 1 ? "example is" : "examples are"} few: a network learns them by heart. Augment (data.augment), or watch the memorisation check of ornstein eval.`,
    );
  return warnings;
}

function modeWarnings({ modes }: ImageSummary, [channels]: readonly number[]): string[] {
  const count = (pattern: RegExp) =>
    Object.entries(modes).reduce((sum, [mode, n]) => sum + (pattern.test(mode) ? n : 0), 0);
  const [gray, all, deep, clear] = [count(/^gray/), count(/./), count(/ (16|float)/), count(/alpha$/)];
  return [
    ...(gray > 0 && gray < all && channels === 3
      ? [`${gray} of ${all} images are grey among colour: samples may fade. Say --channels 1, or remove them.`]
      : []),
    ...(deep > 0 && deep < all
      ? [
          `${deep} of ${all} images have more than 8 bits a channel and are read as 8, as the others are. Keep them apart if that matters.`,
        ]
      : []),
    ...(clear > 0 && channels % 2 === 1
      ? [
          `${clear} images may be partly transparent: they are put on white. --channels ${channels + 1} keeps their opacity.`,
        ]
      : []),
  ];
}

function labelWarnings(labels: Readonly<Record<string, number>>): string[] {
  const counts = Object.entries(labels);
  const empty = counts.filter(([, count]) => count === 0);
  const present = counts.filter(([, count]) => count > 0).sort((a, b) => a[1] - b[1]);
  const [least, most] = [present[0], present[present.length - 1]];
  return [
    ...(empty.length > 0
      ? [
          `${empty.length} classes have no examples: ${empty
            .slice(0, 5)
            .map(([name]) => name)
            .join(", ")}.`,
        ]
      : []),
    ...(present.length > 1 && most[1] > 10 * least[1]
      ? [`classes are uneven: ${most[1]} of ${most[0]}, ${least[1]} of ${least[0]}. Rare ones come out worse.`]
      : []),
    ...(present.length === 1 ? ["all labels are equal: they say nothing. Use --labels none."] : []),
  ];
}

const short = (value: number) => String(Number(value.toPrecision(3)));
