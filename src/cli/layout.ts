/** Text that fits a terminal: broken between words, and in two columns. */

/** Breaks text after spaces, and where a word is too long after its bars, into lines of at most `width` characters where that can be. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/(?<= )/).flatMap((each) => (each.length > width ? each.split(/(?<=\|)/) : [each]))) {
    if (line !== "" && (line + word).trimEnd().length > width) {
      lines.push(line.trimEnd());
      line = "";
    }
    line += word;
  }
  return [...lines, line.trimEnd()];
}

interface ColumnsOptions {
  /** Characters in a line of the terminal. */
  readonly columns: number;
  /** Spaces before the first column; two if left out. */
  readonly indent?: number;
  /** Characters of the first column; what is longer has lines of its own. */
  readonly width?: number;
}

/** As many characters as a first column takes, at most 40 and two fifths of the line. */
export const leftWidth = (rows: readonly (readonly [string, string])[], columns: number): number => {
  const widest = Math.min(40, Math.floor(columns * 0.4));
  return Math.max(0, ...rows.map(([left]) => left.length).filter((length) => length <= widest));
};

/** Names on the left and what they mean on the right, which goes on under itself where it does not fit. */
export function twoColumns(
  rows: readonly (readonly [string, string])[],
  { columns, indent = 2, width = leftWidth(rows, columns) }: ColumnsOptions,
): string[] {
  const before = " ".repeat(indent);
  const margin = before + " ".repeat(width + 2);
  return rows.flatMap(([left, right]) => {
    const [first, ...others] = wrap(right, Math.max(20, columns - margin.length)).map((line) => margin + line);
    if (left.length <= width) return [before + left.padEnd(width) + first.slice(indent + width), ...others];
    const [start, ...more] = wrap(left, columns - indent);
    return [before + start, ...more.map((line) => `${before}    ${line}`), first, ...others];
  });
}
