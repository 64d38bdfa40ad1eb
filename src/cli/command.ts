/** A command as a table of flags: the parser, the help and the documentation come from the same rows. */
import type { Place } from "./places.ts";

/** Headings that the help of a command of many flags has, in their order. */
export const groups = [
  "What to train",
  "What to draw",
  "What to measure",
  "What to find",
  "By the flow",
  "By the bound",
  "Solver and steps",
  "Guidance",
  "Editing",
  "Which parameters",
  "How data are read",
  "Memory",
  "Output",
  "Where it runs",
  "General",
] as const;

export type Group = (typeof groups)[number];

interface FlagBase {
  readonly help: string;
  /** Its heading in help. */
  readonly group?: Group;
  /** A one-letter form. */
  readonly short?: string;
  /** The flag that it means nothing without. */
  readonly needs?: string;
  /** Flags beside which it has no use. */
  readonly notWith?: readonly string[];
}
/** One flag. A flag without a default is optional. */
export type Flag =
  | (FlagBase & {
      readonly type: "string";
      readonly value: string;
      readonly default?: string;
      /** What the command writes there, checked before it begins. */
      readonly writes?: Place;
    })
  | (FlagBase & { readonly type: "strings"; readonly value: string })
  | (FlagBase & { readonly type: "number"; readonly default?: number; readonly min?: number; readonly max?: number })
  | (FlagBase & { readonly type: "integer"; readonly default?: number; readonly min?: number; readonly max?: number })
  | (FlagBase & { readonly type: "choice"; readonly choices: readonly string[]; readonly default?: string })
  | (FlagBase & { readonly type: "boolean" });

/** A table of flags. */
export type Flags = Readonly<Record<string, Flag>>;

/** The flags under one heading. */
export const grouped = <const F extends Flags>(group: Group, flags: F): F =>
  Object.fromEntries(Object.entries<Flag>(flags).map(([name, flag]) => [name, { ...flag, group }])) as unknown as F;

type ValueOf<F extends Flag> = F extends { type: "boolean" }
  ? boolean
  : F extends { type: "strings" }
    ? readonly string[]
    : F extends { type: "number" | "integer" }
      ? number
      : F extends { type: "choice"; choices: readonly (infer C)[] }
        ? C
        : string;

type Always<F extends Flag> = F extends { type: "boolean" | "strings" }
  ? true
  : F extends { default: unknown }
    ? true
    : false;

/** The values `run` receives: exactly the flags of the table. */
export type Values<F extends Flags> = {
  readonly [K in keyof F]: Always<F[K]> extends true ? ValueOf<F[K]> : ValueOf<F[K]> | undefined;
};

export interface Argument {
  readonly name: string;
  readonly help: string;
  readonly required: boolean;
  /** Whether several may be given. */
  readonly many?: boolean;
}

/** Where a command writes and learns about being stopped. */
export interface Terminal {
  /** Lines of results, for standard output. */
  print(line: string): void;
  /** Progress and remarks, for standard error; nothing with --json. */
  say(line: string): void;
  /** Replaces the last progress line on a terminal; on a file, prints now and then. With a share done it begins with a bar. */
  progress(text: string, share?: number): void;
  /** One record a line on standard output with --json; nothing without. */
  record(value: unknown): void;
  /** Makes this the exit code of a command that comes to its end. */
  exit(code: number): void;
  readonly json: boolean;
  /** Characters in a line of results; infinite where they go to a file. */
  readonly columns: number;
  readonly signal: AbortSignal;
}

export interface Command<F extends Flags = Flags> {
  readonly name: string;
  readonly summary: string;
  readonly examples: readonly string[];
  readonly argument?: Argument;
  readonly flags: F;
  /** `rest` is what follows the argument, if it may be several. */
  run(argument: string | undefined, values: Values<F>, terminal: Terminal, rest: readonly string[]): Promise<void>;
}

/** A command, with the types of its values inferred from its flags. */
export const command = <const F extends Flags>(definition: Command<F>): Command => definition as unknown as Command;

/** The flag as it is typed: `labelDropout` is `--label-dropout`. */
export const flagName = (name: string): string => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;

/** What stands for the flag's value in help. */
export const placeholder = (flag: Flag): string =>
  flag.type === "boolean"
    ? ""
    : ` ${flag.type === "choice" ? flag.choices.join("|") : flag.type === "string" || flag.type === "strings" ? flag.value : flag.type.toUpperCase()}`;

/** The first flag of a table that is given a value other than its default. */
export function givenOf(table: Flags, values: Readonly<Record<string, unknown>>): string | undefined {
  const key = Object.entries<Flag>(table).find(([name, flag]) => {
    const value = values[name];
    const unset = value === undefined || value === false || (Array.isArray(value) && value.length === 0);
    return !unset && value !== ("default" in flag ? flag.default : undefined);
  })?.[0];
  return key === undefined ? undefined : flagName(key);
}

/** Flags that every command has. */
export const everywhere = grouped("General", {
  json: { type: "boolean", help: "Print records as JSON lines, and nothing else" },
  help: { type: "boolean", short: "h", help: "Show this help" },
});
