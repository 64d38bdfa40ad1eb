/** A data set in two parts, one to train on and one to test with. */
import { createHash } from "node:crypto";
import { ConfigError } from "../../errors/index.ts";
import { type Dataset, elements } from "../dataset.ts";
import type { Progress } from "./loading.ts";

export interface SplitOptions {
  /** Share of each class that is kept for testing, between 0 and 1. */
  readonly test: number;
  /** Another seed, another split. */
  readonly seed: number;
}

/** Which examples are in which part, ascending. */
export interface SplitIndices {
  readonly train: Float64Array;
  readonly test: Float64Array;
}

const together = 256;

/**
 * Chooses by what examples hold, not by where they stand: of each class the examples whose hashes are lowest are for
 * testing. So the same data in another order is split the same way, a few new examples move few others, and equal examples
 * of a class are never on both sides. Each part has at least one example.
 */
export async function* splitByHash(
  dataset: Dataset,
  { test, seed }: SplitOptions,
): AsyncGenerator<Progress, SplitIndices, void> {
  if (!(test > 0 && test < 1))
    throw new ConfigError(`split: the share for testing must be between 0 and 1; got ${test}.`);
  const { name, size, shape, label } = dataset;
  if (size < 2) throw new ConfigError(`${name}: has ${size} example (at least 2 to split).`);
  const x = new Float32Array(elements(shape));
  const bytes = new Uint8Array(x.buffer);
  const byClass = new Map<number, { readonly index: number; readonly hash: string }[]>();
  for (let index = 0; index < size; index++) {
    if (index % together === 0) yield { done: index, total: size, what: "hashing" };
    dataset.read(index, x, 0);
    const hash = createHash("sha256").update(`${seed} `).update(bytes).digest("base64").slice(0, 20);
    const own = label ? label.call(dataset, index) : 0;
    const members = byClass.get(own) ?? [];
    members.push({ index, hash });
    byClass.set(own, members);
  }
  const tested = new Uint8Array(size);
  for (const members of byClass.values()) {
    members.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : a.index - b.index));
    let end = Math.round(test * members.length);
    // Equal examples stay together.
    while (end > 0 && end < members.length && members[end].hash === members[end - 1].hash) end++;
    for (const { index } of members.slice(0, end)) tested[index] = 1;
  }
  const where = (part: number) => Float64Array.from(indicesOf(tested, part));
  const parts = { train: where(0), test: where(1) };
  if (parts.train.length === 0 || parts.test.length === 0)
    throw new ConfigError(
      `${name}: ${size} examples leave ${parts.train.length} to train on and ${parts.test.length} to test with (at least one each). Choose another share.`,
    );
  return parts;
}

function* indicesOf(parts: Uint8Array, part: number): Generator<number> {
  for (let i = 0; i < parts.length; i++) if (parts[i] === part) yield i;
}
