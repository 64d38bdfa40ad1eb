/** Tables as text: comma-, semicolon- or tab-separated values (RFC 4180). */
import { ConfigError } from "../../errors/index.ts";

/** A table; all rows have as many cells. */
export interface Table {
  /** Names of the columns, if the first row has no number and a later row has one, or names a column of labels or files. */
  readonly header?: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const known = /^(file_?name|file|image|image_id|path|name|id|labels?|class|class_name|category|target|y)$/i;

/** Reads a table; `where` names it in errors, which are ConfigErrors. The separator is the commonest in the first line. */
export function parseTable(text: string, where: string): Table {
  const rows = parseRows(text, where);
  const odd = rows.findIndex((row) => row.length !== rows[0].length);
  if (odd >= 0)
    throw new ConfigError(`${where}: row ${odd + 1} has ${rows[odd].length} cells (${rows[0].length}, as the first).`);
  if (rows.length === 0) throw new ConfigError(`${where}: is empty.`);
  const [first, ...rest] = rows;
  const named =
    !first.some(isNumber) && (first.some((cell) => known.test(cell)) || rest.some((row) => row.some(isNumber)));
  if (!named) return { rows };
  if (rest.length === 0) throw new ConfigError(`${where}: has names of columns and no row.`);
  return { header: first, rows: rest };
}

/** Whether a cell is a number as programs write them: no hexadecimal, no empty cell; NaN and infinities count. */
export const isNumber = (cell: string) => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^[+-]?(nan|inf|infinity)$/i.test(cell);

/** The number in a cell that is one. */
export function numberOf(cell: string): number {
  const special = /^([+-]?)(nan|inf)/i.exec(cell);
  if (!special) return Number(cell);
  return special[2].toLowerCase() === "nan" ? Number.NaN : special[1] === "-" ? -Infinity : Infinity;
}

/** Cells without the blanks around them; quoted ones keep theirs. Empty lines and those that begin with "#" do not count. */
function parseRows(given: string, where: string): string[][] {
  const text = given.startsWith("\ufeff") ? given.slice(1) : given;
  const separator = separatorOf(text);
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    if (row.length === 0 && text[at] === "#") at = lineEnd(text, at);
    const quoted = text[at] === '"';
    let cell = "";
    if (quoted) {
      const start = at;
      for (at++; ; at++) {
        const close = text.indexOf('"', at);
        if (close < 0)
          throw new ConfigError(
            `${where}: row ${rows.length + 1}: a quoted cell does not end: ${JSON.stringify(text.slice(start, start + 20))}.`,
          );
        cell += text.slice(at, close);
        at = close + 1;
        if (text[at] !== '"') break;
        cell += '"';
      }
    }
    const start = at;
    while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") at++;
    const plain = text.slice(start, at).trim();
    if (quoted && plain !== "")
      throw new ConfigError(
        `${where}: row ${rows.length + 1}: a quoted cell goes on after its quote: ${JSON.stringify(plain.slice(0, 20))}.`,
      );
    row.push(quoted ? cell : plain);
    if (text[at] === separator) {
      at++;
      // A separator at the very end is followed by an empty cell.
      if (at < text.length) continue;
      row.push("");
    }
    if (row.length > 1 || row[0] !== "" || quoted) rows.push(row);
    row = [];
    if (text[at] === "\r") at++;
    if (text[at] === "\n") at++;
  }
  return rows;
}

function separatorOf(text: string): string {
  const line = /^(?!#|\s*$).+/m.exec(text)?.[0] ?? "";
  const count = (separator: string) => line.split(separator).length;
  return [",", ";", "\t"].reduce((best, one) => (count(one) > count(best) ? one : best));
}

function lineEnd(text: string, from: number): number {
  const end = text.slice(from, from + 2 ** 20).search(/[\r\n]/);
  return end < 0 ? text.length : from + end;
}
