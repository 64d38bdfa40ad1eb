/** Points in a text file: a row each, a column for each coordinate, and perhaps one of labels. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { ConfigError } from "../../errors/index.ts";
import { datasetFromArray } from "../dataset.ts";
import { classNames } from "./labels.ts";
import type { Loading } from "./loading.ts";
import { isNumber, numberOf, parseTable } from "./table.ts";

/**
 * Comma-, semicolon- or tab-separated numbers. The labels are the column called label, class or target, or y where none is
 * called x, or else the last one if it holds words.
 */
export async function* pointTable(path: string): Loading {
  const name = basename(path);
  yield { done: 0, total: 1, what: `reading ${name}` };
  const text = await readFile(path, "utf8").catch((error: Error) => {
    throw new ConfigError(`${path}: cannot be read: ${error.message}.`, { cause: error });
  });
  const { header, rows } = parseTable(text, path);
  const width = rows[0].length;
  const titled = (pattern: RegExp) => header?.findIndex((title) => pattern.test(title)) ?? -1;
  const words = rows.every((row) => row[width - 1] !== "" && !isNumber(row[width - 1]));
  // Beside an x it is a coordinate.
  const y = titled(/^x$/i) < 0 ? titled(/^y$/i) : -1;
  const lastWords = words && width > 1 ? width - 1 : -1;
  const labelColumn = [titled(/^(labels?|class|target)$/i), y, lastWords].find((column) => column >= 0) ?? -1;
  const columns = Array.from({ length: width }, (_, c) => c).filter((c) => c !== labelColumn);
  if (columns.length === 0) throw new ConfigError(`${path}: has no column of numbers beside its labels.`);

  const values = new Float64Array(rows.length * columns.length);
  for (const [i, row] of rows.entries())
    for (const [d, c] of columns.entries()) {
      if (!isNumber(row[c]))
        throw new ConfigError(
          `${path}: row ${i + 1 + (header ? 1 : 0)}, column ${header ? JSON.stringify(header[c]) : c + 1}: must be a number; got ${JSON.stringify(row[c].slice(0, 40))}.`,
        );
      values[i * columns.length + d] = numberOf(row[c]);
    }
  const labelled = labelColumn < 0 ? {} : labelsIn(rows.map((row) => row[labelColumn]));
  return {
    ...datasetFromArray({ name, values, shape: [columns.length], ...labelled }),
    report: { notes: [], skipped: [] },
  };
}

function labelsIn(cells: readonly string[]) {
  const classes = classNames([...new Set(cells)]);
  const numbers = new Map(classes.map((cell, label) => [cell, label]));
  return { classes, labels: Uint32Array.from(cells, (cell) => numbers.get(cell) ?? 0) };
}
