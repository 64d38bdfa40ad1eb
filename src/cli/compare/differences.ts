/** In which fields recipes differ. */
import type { Recipe } from "../../recipe/index.ts";

/** A field by its path, with its value in each recipe, in short; undefined where a recipe has no such field. */
export interface Difference {
  readonly path: string;
  readonly values: readonly (string | undefined)[];
}

/** The fields that are not the same in all recipes, by path, and how many are. */
export function differences(recipes: readonly Recipe[]): {
  readonly differ: readonly Difference[];
  readonly same: number;
} {
  const flat = recipes.map((recipe) => new Map(leaves(recipe, "")));
  const paths = [...new Set(flat.flatMap((fields) => [...fields.keys()]))];
  const all = paths.map((path) => ({ path, values: flat.map((fields) => fields.get(path)) }));
  const differ = all.filter(({ values }) => values.some((value) => value !== values[0]));
  const inShort = differ.map(({ path, values }) => ({ path, values: values.map((value) => value && short(value)) }));
  return { differ: inShort, same: all.length - differ.length };
}

const longest = 60;

/** A field as a person reads it: of long lists only the ends. */
function short(value: string): string {
  if (!value.startsWith("[") || value.length <= longest) return value;
  const list: unknown[] = JSON.parse(value);
  if (list.length <= 3 || !list.every((one) => typeof one === "number")) return `${value.slice(0, longest)}…`;
  const [first, second, last] = [list[0], list[1], list[list.length - 1]].map((one) =>
    String(Number((one as number).toPrecision(4))),
  );
  return `${first}, ${second}, … ${last} (${list.length} numbers)`;
}

/** Every field that is no object, as [path, JSON]; short lists in one. */
function* leaves(value: unknown, path: string): Generator<readonly [string, string]> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    for (const [key, inner] of Object.entries(value)) yield* leaves(inner, path === "" ? key : `${path}.${key}`);
  else yield [path, typeof value === "string" ? value : JSON.stringify(value)];
}
