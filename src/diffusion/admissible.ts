/** Checks of single numbers that a user gives: each returns the number, or throws a ConfigError that names it. */
import { ConfigError } from "../errors/index.ts";

/** A finite number. */
export function finite(where: string, value: number): number {
  return admit(where, value, Number.isFinite(value), "a finite number");
}

/** A finite number above 0. */
export function positive(where: string, value: number): number {
  return admit(where, value, Number.isFinite(value) && value > 0, "a number above 0");
}

/** A finite number of at least 0. */
export function notNegative(where: string, value: number): number {
  return admit(where, value, Number.isFinite(value) && value >= 0, "a number of at least 0");
}

/** A number strictly between 0 and 1. */
export function fraction(where: string, value: number): number {
  return admit(where, value, value > 0 && value < 1, "a number between 0 and 1, both excluded");
}

/** A whole number of at least `min`, and at most `max`. */
export function count(where: string, value: number, min = 1, max = Number.MAX_SAFE_INTEGER): number {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `between ${min} and ${max}`;
  return admit(where, value, Number.isInteger(value) && value >= min && value <= max, `a whole number ${range}`);
}

/** Two finite numbers of which the first is smaller. */
export function interval(where: string, min: number, max: number): readonly [min: number, max: number] {
  if (!(Number.isFinite(min) && Number.isFinite(max) && min < max))
    throw new ConfigError(
      `${where}: not an interval: [${min}, ${max}] (expected two finite numbers, the smaller first).`,
    );
  return [min, max];
}

function admit(where: string, value: number, ok: boolean, expected: string): number {
  if (typeof value !== "number" || !ok)
    throw new ConfigError(`${where}: out of range: ${String(value)} (expected ${expected}).`);
  return value;
}
