/** `ornstein data`: look at a data set, keep it ready for training, split it. */
import { statSync } from "node:fs";
import { join } from "node:path";
import {
  type Inspection,
  inspect,
  type LoadedDataset,
  type Progress,
  splitByHash,
  storeEnding,
  writeStore,
} from "../data/files/index.ts";
import { type Dataset, elements, subset } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { stream } from "../random/index.ts";
import { writeScatter, writeSheet } from "../runs/index.ts";
import { command, type Terminal } from "./command.ts";
import { showing, shown } from "./eta.ts";
import { checkPlace } from "./places.ts";
import { loadSource, sourceFlags } from "./sources.ts";
import { bar, bytes } from "./terminal.ts";

const argument = {
  name: "SRC",
  help: "Data set: mnist, emoji, a folder, a zip, a file, …",
  required: true,
} as const;

/** Images on a preview, and points. */
const [previewImages, previewColumns, previewPoints] = [64, 8, 5000];

export const dataInspect = command({
  name: "data inspect",
  summary: "What is in a data set: counts, sizes, broken and repeated files, labels, σ_data, advice.",
  argument,
  examples: ["data inspect mnist", "data inspect photos/ --preview photos.png", "data inspect photos.zip --json"],
  flags: {
    preview: { type: "string", value: "FILE.png", writes: ".png", help: "Draw some of the examples" },
    ...sourceFlags,
  },
  async run(source = "", flags, terminal) {
    const dataset = await loadSource(source, flags, { ...terminal, say: () => {} });
    const found = await shown(inspect(dataset), step(terminal));
    for (const line of describe(found)) terminal.print(line);
    if (flags.preview !== undefined) {
      await preview(flags.preview, dataset);
      terminal.print(`Preview: ${flags.preview}`);
    }
    const { skipped, duplicates, ...rest } = found;
    terminal.record({ ...rest, skipped, duplicates: duplicates.length, firstDuplicates: duplicates.slice(0, 100) });
  },
});

export const dataBuild = command({
  name: "data build",
  summary: "Write a data set into one file that is ready for training, checked by sums.",
  argument,
  examples: [
    "data build photos/ --size 64 --out photos.ornstein",
    "train edm --data photos.ornstein --set data.size=64",
  ],
  flags: {
    out: { type: "string", value: "FILE|DIR", help: "Where to write; a folder gets a file of the data's name" },
    ...sourceFlags,
  },
  async run(source = "", flags, terminal) {
    const place = flags.out ?? ".";
    checkPlace("data build: --out", fileFor(place, "data"), storeEnding);
    const dataset = await loadSource(source, flags, terminal);
    const out = fileFor(place, dataset.name);
    const started = performance.now();
    await shown(writeStore(out, dataset), step(terminal));
    tell(out, dataset, terminal, { seconds: (performance.now() - started) / 1000 });
  },
});

export const dataSplit = command({
  name: "data split",
  summary: "Split a data set into train.ornstein and test.ornstein, by what examples hold, class by class.",
  argument,
  examples: [
    "data split photos/ --size 64 --test 0.1 --out photos-split",
    "train edm --data photos-split --set data.size=64",
  ],
  flags: {
    out: { type: "string", value: "DIR", writes: "folder", help: "Folder for the two files" },
    test: { type: "number", default: 0.1, min: 0, max: 1, help: "Share of each class for testing" },
    seed: { type: "integer", default: 0, min: 0, help: "Another seed, another split" },
    ...sourceFlags,
  },
  async run(source = "", flags, terminal) {
    if (flags.out === undefined) throw new ConfigError("data split: needs --out DIR.");
    const dataset = await loadSource(source, flags, terminal);
    const { test, seed } = flags;
    const parts = await shown(splitByHash(dataset, { test, seed }), step(terminal));
    for (const part of ["train", "test"] as const) {
      const chosen = {
        ...subset(dataset, parts[part], `${dataset.name}, ${part} part`),
        report: { notes: [], skipped: [] },
      };
      const out = join(flags.out, part + storeEnding);
      await shown(writeStore(out, chosen), step(terminal));
      tell(out, chosen, terminal);
    }
  },
});

/** Shows steps of work, with the time left. */
function step(terminal: Terminal): (progress: Progress) => void {
  const show = showing(terminal);
  return ({ what, done, total }) => show(what, done, total);
}

function fileFor(out: string, name: string): string {
  const isFolder = out.endsWith("/") || statSync(out, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder) return join(out, name.replace(/[^\w.-]+/g, "-") + storeEnding);
  if (!out.endsWith(storeEnding))
    throw new ConfigError(`data build: --out: must end in ${storeEnding}, or be a folder; got "${out}".`);
  return out;
}

function tell(out: string, dataset: Dataset, terminal: Terminal, more: Readonly<Record<string, unknown>> = {}): void {
  const { name, size, shape, classes } = dataset;
  const length = statSync(out).size;
  terminal.print(`${out}: ${size} examples of [${shape.join(", ")}], ${bytes(length)}`);
  terminal.record({ out, name, size, shape, classes: classes ?? null, bytes: length, ...more });
}

function* describe(found: Inspection): Generator<string> {
  const { name, size, shape, files, skipped, statistics, duplicates, searched, labels, recommended, notes, warnings } =
    found;
  const { mean, std, channels, min, max, examples } = statistics;
  const row = (what: string, text: string) => `  ${what.padEnd(12)} ${text}`;
  const few = (counts: Readonly<Record<string, number>>, most: number) => {
    const all = Object.entries(counts);
    const rest = all.slice(most).reduce((sum, [, count]) => sum + count, 0);
    return [
      ...all.slice(0, most).map(([text, count]) => `${text} ${count}`),
      ...(rest > 0 ? [`others ${rest}`] : []),
    ].join(", ");
  };
  const number = (value: number) => value.toFixed(4);
  const byChannel = (values: readonly number[]) =>
    values.length > 1 && values.length <= 16 ? `   by channel ${values.map(number).join(" ")}` : "";
  yield `${name}: ${size} examples of [${shape.join(", ")}]`;
  if (files) {
    const sides = Object.keys(files.sizes).length;
    yield row("formats", few(files.formats, 5));
    yield row("modes", few(files.modes, 5));
    yield row("sizes", `${few(files.sizes, 4)}${sides > 4 ? ` (${sides} different)` : ""}`);
  }
  yield row("unreadable", String(skipped.length));
  for (const { file, reason } of skipped.slice(0, 5)) yield row("", `${file}: ${reason}`);
  yield row("duplicates", `${duplicates.length}${searched < size ? ` among the first ${searched}` : ""}`);
  for (const { index, of } of duplicates.slice(0, 3)) yield row("", `example ${index} equals ${of}`);
  yield row("mean", `${number(mean)}${byChannel(channels.map((one) => one.mean))}`);
  yield row("std, σ_data", `${number(std)}${byChannel(channels.map((one) => one.std))}`);
  yield row("range", `${number(min)} to ${number(max)}${examples < size ? `, of ${examples} examples` : ""}`);
  if (recommended) {
    const [height, width] = recommended.size;
    const lost = (100 * recommended.lost).toFixed(0);
    const enlarged = recommended.enlarged > 0 ? `, enlarges ${(100 * recommended.enlarged).toFixed(0)} % of them` : "";
    yield row(
      "recommended",
      `--size ${height === width ? height : `${height}x${width}`}: cropped in the middle, loses ${lost} % of the pixels${enlarged}`,
    );
  }
  if (labels) yield* histogram(labels);
  for (const note of notes) yield `  · ${note}`;
  for (const warning of warnings) yield `  ! ${warning}`;
}

/** Classes shown; of more the most frequent. */
const mostClasses = 20;

function* histogram(labels: Readonly<Record<string, number>>): Generator<string> {
  const all = Object.entries(labels);
  const shownLabels = all.length > mostClasses ? all.toSorted((a, b) => b[1] - a[1]).slice(0, mostClasses) : all;
  const most = Math.max(...shownLabels.map(([, count]) => count));
  const width = Math.min(24, Math.max(...shownLabels.map(([name]) => name.length)));
  yield `  ${all.length} classes${all.length > mostClasses ? `, the ${mostClasses} most frequent` : ""}`;
  for (const [name, count] of shownLabels)
    yield `    ${name.slice(0, width).padEnd(width)}  ${bar(count / most)} ${count}`;
}

async function preview(path: string, dataset: LoadedDataset): Promise<void> {
  const { shape, size } = dataset;
  if (shape.length !== 3 && shape.length !== 1)
    throw new ConfigError(`data inspect: --preview: examples of [${shape.join(", ")}] cannot be drawn.`);
  const isImage = shape.length === 3;
  const order = stream(0, "preview").permutation(size);
  const count = Math.min(size, isImage ? previewImages : previewPoints);
  const stride = elements(shape);
  const values = new Float32Array(count * stride);
  for (let i = 0; i < count; i++) dataset.read(order[i], values, i * stride);
  if (isImage) await writeSheet(path, values, { shape, columns: previewColumns });
  else await writeScatter(path, values, { dims: shape[0] });
}
