/** The text of `--help`: examples, then the flags, under headings where there are many. */
import { type Command, everywhere, type Flag, flagName, groups, placeholder } from "./command.ts";
import { leftWidth, twoColumns, wrap } from "./layout.ts";
import { program } from "./program.ts";

/** Help is as wide as this where it is not for a terminal. */
const usualColumns = 100;
/** Examples above the flags; others come last. */
const examplesFirst = 3;
/** A command of more flags has headings. */
const mostWithoutHeadings = 10;
/** A flag that its choices make longer than this has them in its help. */
const widestFlag = 34;

export interface HelpOptions {
  /** Characters in a line of the terminal. */
  readonly columns?: number | undefined;
  /** How the program is called in examples. */
  readonly program?: string;
}

/** The text of `ornstein COMMAND --help`. */
export function helpOf(
  { name, summary, examples, argument, flags }: Command,
  { columns = usualColumns, program: words = program() }: HelpOptions = {},
): string {
  const named = argument && `${argument.name}${argument.many ? "…" : ""}`;
  const usage = argument ? ` ${argument.required ? named : `[${named}]`}` : "";
  const all = { ...flags, ...everywhere };
  const sections =
    Object.keys(flags).length > mostWithoutHeadings
      ? groups.map((group) => ({ title: `${group}:`, flags: Object.entries<Flag>(all).filter(in_(group)) }))
      : [{ title: "Flags:", flags: Object.entries<Flag>(all) }];
  const rows = sections.map((section) => section.flags.map(row));
  const width = leftWidth(rows.flat(), columns);
  const shown = examples.map((example) => `  $ ${words} ${example}`);
  return [
    ...wrap(`ornstein ${name}${usage} — ${summary}`, columns),
    "",
    ...shown.slice(0, examplesFirst),
    ...(argument ? ["", ...twoColumns([[argument.name, argument.help]], { columns, width })] : []),
    ...sections.flatMap(({ title }, i) =>
      rows[i].length > 0 ? ["", title, ...twoColumns(rows[i], { columns, width })] : [],
    ),
    ...(shown.length > examplesFirst ? ["", "More examples:", ...shown.slice(examplesFirst)] : []),
  ].join("\n");
}

const in_ =
  (group: string) =>
  ([, flag]: readonly [string, Flag]) =>
    flag.group === group;

/** A flag on the left, and what it means, can be and is if left out on the right. */
function row([key, flag]: readonly [string, Flag]): readonly [string, string] {
  const left = `${flag.short ? `-${flag.short}, ` : ""}${flagName(key)}${placeholder(flag)}`;
  const fallback = "default" in flag && flag.default !== undefined ? ` [${flag.default}]` : "";
  if (flag.type !== "choice" || left.length <= widestFlag) return [left, `${flag.help}${fallback}`];
  const named = flag.choices.every((choice) => flag.help.includes(choice));
  const choices = named ? "" : `. One of ${flag.choices.join(", ")}`;
  return [`${flagName(key)} NAME`, `${flag.help}${choices}${fallback}`];
}

/** What `ornstein --help` says of commands: a line for each. */
export const summaryOf = (all: readonly Command[], columns = usualColumns): string =>
  twoColumns(
    all.map(({ name, summary }) => [name, summary]),
    { columns },
  ).join("\n");
