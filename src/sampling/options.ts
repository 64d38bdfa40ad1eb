/** Options as data: one table a sampler, from which its types, defaults, checks, flags and help are made. */
import { ConfigError, unknownName } from "../errors/index.ts";

/** A real or whole number between bounds. */
export interface NumberOption {
  readonly type: "number" | "integer";
  readonly default: number;
  /** Smallest value allowed. */
  readonly min?: number;
  /** Values must be larger than this. */
  readonly above?: number;
  /** Largest value allowed. */
  readonly max?: number;
  /** What it is and why the default, in a few words. */
  readonly about: string;
}

/** One of a closed set of names. */
export interface ChoiceOption {
  readonly type: "choice";
  readonly default: string;
  readonly choices: readonly string[];
  readonly about: string;
}

export type Option = NumberOption | ChoiceOption;

/** The options of one sampler, by name; a default of Infinity means "no limit". */
export type OptionTable = Readonly<Record<string, Option>>;

type Value<O> = O extends { readonly choices: readonly (infer C)[] } ? C : number;

/** All options of a table with their values. */
export type Resolved<T extends OptionTable> = { readonly [K in keyof T]: Value<T[K]> };

/** What a caller passes: any of the options. */
export type Given<T extends OptionTable> = Partial<Resolved<T>>;

/**
 * Fills in the defaults.
 * @throws ConfigError for an unknown name or a value out of range; `where` opens its message.
 */
export function resolve<T extends OptionTable>(where: string, table: T, given: Given<T>): Resolved<T> {
  const names = Object.keys(table);
  for (const name of Object.keys(given)) {
    if (names.length === 0) throw new ConfigError(`${where}: has no options: ${name} (none).`);
    if (!names.includes(name)) throw unknownName(`${where}: option`, name, names);
  }
  const entries = Object.entries(table).map(([name, option]) => {
    const value: unknown = given[name] ?? option.default;
    checkOption(`${where}: ${name}`, option, value);
    return [name, value] as const;
  });
  return Object.fromEntries(entries) as Resolved<T>;
}

function checkOption(where: string, option: Option, value: unknown): void {
  if (option.type === "choice") {
    if (!option.choices.includes(value as string)) throw unknownName(where, value, option.choices);
    return;
  }
  const {
    type,
    min = Number.NEGATIVE_INFINITY,
    above = Number.NEGATIVE_INFINITY,
    max = Number.POSITIVE_INFINITY,
  } = option;
  const fits =
    typeof value === "number" &&
    value >= min &&
    (value > above || option.above === undefined) &&
    value <= max &&
    (Number.isFinite(value) || value === option.default) &&
    (type === "number" || Number.isInteger(value));
  if (!fits) throw new ConfigError(`${where} must be ${range(option)}; got ${String(value)}.`);
}

function range({ type, min, above, max }: NumberOption): string {
  const bounds = [
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(min === undefined ? [] : [`at least ${min}`]),
    ...(max === undefined ? [] : [`at most ${max}`]),
  ];
  return [type === "integer" ? "a whole number" : "a number", bounds.join(" and ")].filter(Boolean).join(" ");
}
