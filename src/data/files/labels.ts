/** Labels of image files: from folders, from file names, or from a file beside them. */
import { ConfigError, reasonOf } from "../../errors/index.ts";
import { parseTable } from "./table.ts";

/**
 * Where labels come from: the top-level sub-folder, the file name up to the first "_", `dataset.json` (as EDM's tools
 * write it), `labels.csv` or `metadata.csv`; the coarse or the fine labels of data that has both; "none" for no labels.
 */
export type LabelSource = (typeof labelSources)[number];

export const labelSources = ["folder", "prefix", "json", "csv", "coarse", "fine", "none"] as const;

/** The class of each file of a collection. */
export interface FileLabels {
  /** Where they come from, for errors. */
  readonly from: string;
  /** The name of each file's class; nothing where a file has none. */
  readonly of: readonly (string | undefined)[];
  /** All classes in label order; those that occur, sorted, if left out. */
  readonly classes?: readonly string[];
}

/** The text of the file of that name beside the images, if there is one. */
export type Sidecar = (file: string) => Promise<string | undefined>;

/** The files that hold labels, by what they hold. */
const sidecars = { json: ["dataset.json"], csv: ["labels.csv", "metadata.csv"] } as const;

/** All names that a file of labels may have. */
export const sidecarNames: readonly string[] = Object.values(sidecars).flat();

/**
 * Labels of `files`, paths with "/". Unless `from` says otherwise a file of labels is taken if there is one, else the
 * top-level folders, if there are at least two and every image is in one.
 */
export async function fileLabels(
  where: string,
  files: readonly string[],
  from: LabelSource | undefined,
  sidecar: Sidecar,
): Promise<FileLabels | undefined> {
  if (from === "none") return undefined;
  if (from === "prefix") return { from: 'prefix (a file name with "_")', of: files.map(prefixOf) };
  if (from === "coarse" || from === "fine")
    throw new ConfigError(`${where}: has no labels of two kinds; got "${from}" (folder, prefix, json, csv or none).`);
  for (const kind of ["json", "csv"] as const) {
    if (from !== undefined && from !== kind) continue;
    for (const file of sidecars[kind]) {
      const text = await sidecar(file);
      if (text === undefined) continue;
      const found = readers[kind](`${where}: ${file}`, text, files);
      if (found || from === undefined) return found;
      throw new ConfigError(`${where}: ${file} says that there are no labels.`);
    }
    if (from === kind)
      throw new ConfigError(`${where}: labels from ${kind}: there is no ${sidecars[kind].join(" or ")}.`);
  }
  const of = files.map(topFolderOf);
  if (from === undefined && (of.includes(undefined) || new Set(of).size < 2)) return undefined;
  return { from: "folder (every image in a sub-folder)", of };
}

/** Labels and classes of the files that were kept. */
export function numbered(
  where: string,
  files: readonly string[],
  { from, of, classes: given }: FileLabels,
  kept: readonly number[],
): { labels: Uint16Array; classes: readonly string[] } {
  const without = kept.find((i) => of[i] === undefined);
  if (without !== undefined) throw new ConfigError(`${where}: labels from ${from}: ${files[without]} has none.`);
  const classes = given ?? [...new Set(kept.map((i) => of[i] ?? ""))].sort();
  if (classes.length > 0xffff)
    throw new ConfigError(`${where}: labels from ${from}: ${classes.length} classes (at most 65,535).`);
  const numbers = new Map(classes.map((name, label) => [name, label]));
  return { classes, labels: Uint16Array.from(kept, (i) => numbers.get(of[i] ?? "") ?? 0) };
}

const readers: {
  readonly [K in keyof typeof sidecars]: (
    where: string,
    text: string,
    files: readonly string[],
  ) => FileLabels | undefined;
} = {
  /** `{"labels": [["00000/img00000000.png", 6], …]}`, or null for no labels (Karras et al. 2022, dataset tool). */
  json: (where, text, files) => {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch (error) {
      throw new ConfigError(`${where}: is no JSON: ${reasonOf(error)}.`, { cause: error });
    }
    if (typeof parsed !== "object" || parsed === null || !("labels" in parsed))
      throw new ConfigError(`${where}: has no "labels".`);
    const { labels } = parsed;
    if (labels === null) return undefined;
    const pairs = Array.isArray(labels) ? labels : typeof labels === "object" ? Object.entries(labels) : [];
    const byFile = new Map<string, number>();
    for (const [i, pair] of pairs.entries()) {
      const [file, label]: unknown[] = Array.isArray(pair) ? pair : [];
      if (typeof file !== "string")
        throw new ConfigError(`${where}: label ${i}: got ${JSON.stringify(pair)} (a file name and a number).`);
      const number = oneHot(label);
      if (!(Number.isInteger(number) && number >= 0 && number < 0xffff))
        throw new ConfigError(
          `${where}: label of ${file}: got ${JSON.stringify(label)} (a whole number below 65,535, or one-hot). Vectors are no classes: say labels "none".`,
        );
      byFile.set(file.replaceAll("\\", "/"), number);
    }
    if (byFile.size === 0)
      throw new ConfigError(
        `${where}: "labels" is ${JSON.stringify(labels)?.slice(0, 40)} (pairs of file name and number).`,
      );
    let highest = 0;
    for (const number of byFile.values()) highest = Math.max(highest, number);
    return {
      from: "dataset.json",
      of: files.map((file) => byFile.get(file)?.toString()),
      classes: Array.from({ length: highest + 1 }, (_, label) => String(label)),
    };
  },
  /** A column of file names, with or without folders and ending, and one of classes; the first two if they have no names. */
  csv: (where, text, files) => {
    const { header, rows } = parseTable(text, where);
    const column = (names: readonly string[], fallback: number) => {
      const at = header?.findIndex((name) => names.includes(name.toLowerCase())) ?? -1;
      return at >= 0 ? at : fallback;
    };
    const fileColumn = column(["file_name", "filename", "file", "image", "path", "name", "id", "image_id"], 0);
    const labelColumn = column(
      ["label", "labels", "class", "class_name", "category", "target", "y"],
      fileColumn === 1 ? 0 : 1,
    );
    if ((rows[0]?.length ?? 0) < 2 || fileColumn === labelColumn)
      throw new ConfigError(
        `${where}: needs a column of file names and one of classes; got ${header ? JSON.stringify(header) : "no names"}.`,
      );
    const byFile = new Map(rows.map((row) => [row[fileColumn].replaceAll("\\", "/"), row[labelColumn]]));
    const of = files.map((file) => {
      const base = file.slice(file.lastIndexOf("/") + 1);
      return byFile.get(file) ?? byFile.get(base) ?? byFile.get(withoutEnding(file)) ?? byFile.get(withoutEnding(base));
    });
    return { from: "csv", of, classes: classNames([...new Set(rows.map((row) => row[labelColumn]))]) };
  },
};

/** Class names in order: numbers by size and without gaps from 0, words by the alphabet. */
export function classNames(names: readonly string[]): readonly string[] {
  if (!names.every((name) => /^\d{1,5}$/.test(name))) return [...names].sort();
  const highest = names.reduce((most, name) => Math.max(most, Number(name)), 0);
  // Names such as "007" are kept as they are.
  const byNumber = new Map(names.map((name) => [Number(name), name]));
  if (byNumber.size < names.length) return [...names].sort();
  return Array.from({ length: highest + 1 }, (_, label) => byNumber.get(label) ?? String(label));
}

/** The number itself, or the place of the only 1 among zeros; else NaN. */
function oneHot(label: unknown): number {
  if (typeof label === "number") return label;
  if (!Array.isArray(label) || !label.every((value) => value === 0 || value === 1)) return Number.NaN;
  return label.indexOf(1) === label.lastIndexOf(1) && label.includes(1) ? label.indexOf(1) : Number.NaN;
}

const withoutEnding = (file: string) => file.replace(/\.[^./]*$/, "");

function topFolderOf(file: string): string | undefined {
  const at = file.indexOf("/");
  return at < 0 ? undefined : file.slice(0, at);
}

function prefixOf(file: string): string | undefined {
  const base = file.slice(file.lastIndexOf("/") + 1);
  const at = base.indexOf("_");
  return at < 0 ? undefined : base.slice(0, at);
}
