/** Reading golden vectors and comparing results with them; the format and tolerance policy are in docs/testing.md. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** An array of two or more dimensions, row-major. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export interface GoldenCase {
  readonly note?: string;
  // biome-ignore lint/suspicious/noExplicitAny: every subject has inputs of its own shape
  readonly input: any;
  readonly expect: Readonly<Record<string, unknown>>;
  readonly rtol: number;
  readonly atol: number;
  readonly rtolOut?: number;
}

export interface Golden {
  readonly name: string;
  readonly about: string;
  readonly cases: readonly GoldenCase[];
}

/** Computes a case's outputs: one entry for every key of `expect`. */
// biome-ignore lint/suspicious/noExplicitAny: see GoldenCase.input
export type Adapter = (input: any, golden: GoldenCase) => unknown;
export type Adapters = Readonly<Record<string, Adapter | undefined>>;

/** All vectors of a folder, by name. */
export function readVectors(folder: string): Golden[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => decode(JSON.parse(readFileSync(join(folder, file), "utf8"))) as Golden);
}

/** Turns "NaN" and "Infinity" into numbers and `{shape, data}` into tensors, everywhere. */
function decode(value: unknown): unknown {
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== "object" || value === null) return value;
  if ("shape" in value && "data" in value && Array.isArray(value.data))
    return { shape: value.shape, data: Float64Array.from(value.data.map(Number)) };
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, decode(entry)]));
}

/** Runs one case; returns what is wrong, or nothing when it passes. */
export async function check(
  golden: Golden,
  { input, expect, ...tolerance }: GoldenCase,
  adapter: Adapter,
): Promise<string[]> {
  const normwise = /^(network|augment)\./.test(golden.name);
  let actual: unknown;
  try {
    actual = await adapter(input, { input, expect, ...tolerance });
  } catch (error) {
    if (expect.error === true) return [];
    return [`threw ${error instanceof Error ? (error.stack ?? error.message) : error}`];
  }
  if (expect.error === true) return ["did not throw"];
  // A whole network's gradients: some vanish identically, so they are measured against the largest of all.
  const floor = typeof expect.maxAbsGrad === "number" ? 1e-2 * expect.maxAbsGrad : 0;
  return differences(actual, expect, "", { ...tolerance, normwise, floor });
}

interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
  readonly rtolOut?: number;
  readonly normwise: boolean;
  /** Least norm of a parameter's gradient. */
  readonly floor: number;
}

function differences(actual: unknown, expected: unknown, path: string, tolerance: Tolerance): string[] {
  if (expected === null) return [];
  if (typeof expected === "object" && !Array.isArray(expected) && !("shape" in expected && "data" in expected)) {
    const given = (actual ?? {}) as Record<string, unknown>;
    return Object.entries(expected).flatMap(([key, entry]) =>
      differences(given[key], entry, path === "" ? key : `${path}.${key}`, tolerance),
    );
  }
  if (typeof expected === "number") return numbers([actual], [expected], path, tolerance);
  if (typeof expected !== "object") return actual === expected ? [] : [`${path}: ${actual} (expected ${expected})`];
  if (Array.isArray(expected) && !expected.every((entry) => typeof entry === "number")) {
    const list = Array.isArray(actual) ? actual : [];
    if (list.length !== expected.length) return [`${path}: ${list.length} entries (expected ${expected.length})`];
    return expected.flatMap((entry, i) => differences(list[i], entry, `${path}[${i}]`, tolerance));
  }
  if (actual === undefined) return [`${path}: missing`];
  const shapes = [shapeOf(actual), shapeOf(expected)];
  if (shapes[0] && shapes[1] && shapes[0].join() !== shapes[1].join())
    return [`${path}: shape [${shapes[0]}] (expected [${shapes[1]}])`];
  return numbers(flat(actual), flat(expected), path, tolerance);
}

const shapeOf = (value: unknown) =>
  typeof value === "object" && value !== null && "shape" in value ? (value.shape as number[]) : undefined;

/** Any nesting of arrays, typed arrays and tensors as one list of numbers. */
function flat(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(flat);
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>);
  if (typeof value === "object" && value !== null && "data" in value) return flat(value.data);
  return [value];
}

function numbers(actual: unknown[], expected: unknown[], path: string, tolerance: Tolerance): string[] {
  if (actual.length !== expected.length) return [`${path}: ${actual.length} values (expected ${expected.length})`];
  const { atol, normwise } = tolerance;
  const ofParameter = path.startsWith("gradients.");
  const rtol = /^(out$|loss$|inputGrad)/.test(path) ? (tolerance.rtolOut ?? tolerance.rtol) : tolerance.rtol;
  const norm = normwise
    ? Math.max(ofParameter ? tolerance.floor : 0, ...expected.map((v) => Math.abs(v as number)))
    : 0;
  const wrong = expected.findIndex((e, i) => {
    const a = actual[i];
    if (typeof a !== "number" || typeof e !== "number") return a !== e;
    if (Number.isNaN(e)) return !Number.isNaN(a);
    if (!Number.isFinite(e)) return a !== e;
    return !(Math.abs(a - e) <= atol + rtol * (normwise ? norm : Math.abs(e)));
  });
  return wrong < 0
    ? []
    : [`${path}[${wrong}]: ${actual[wrong]} (expected ${expected[wrong]}, rtol ${rtol}, atol ${atol})`];
}
