/** Samples on disk, a file a batch: what was drawn once is not drawn again, whatever happens in between. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { elements } from "../data/index.ts";
import { makeFolder } from "../disk/index.ts";
import { type Examples, examplesOf } from "../evaluation/index.ts";
import { explained, writeAtomic } from "./atomic.ts";
import { hashBytes } from "./data-hash.ts";

/** The samples of one seed, in batches. Two programs may fill it at once: they write the same. */
export interface SampleStore {
  /** Whether batch `index` is there. */
  has(index: number): boolean;
  write(index: number, batch: Examples): void;
  /** The first `count` samples; all their batches must be there. */
  read(count: number): Examples;
}

/** What samples are of: any difference makes others. */
export interface SampleStoreKey {
  readonly shape: readonly number[];
  /** Samples drawn together. */
  readonly batch: number;
  /** Everything else that decides what they are, as plain data. */
  readonly made: unknown;
}

/** The samples of a seed under the folder `parent`, made if need be. */
export function sampleStore(parent: string, key: SampleStoreKey, seed: number): SampleStore {
  const { shape, batch } = key;
  const folder = join(parent, hashBytes(JSON.stringify(key)).slice(0, 16), `seed-${seed}`);
  explained(folder, () => makeFolder(folder));
  const about = join(folder, "..", "about.json");
  if (!existsSync(about)) writeAtomic(about, [`${JSON.stringify(key, null, 2)}\n`]);
  // No examples of the shape, to see how they are kept.
  const width = examplesOf([], shape).data.BYTES_PER_ELEMENT;
  const size = batch * elements(shape) * width;
  const path = (index: number) => join(folder, `${String(index).padStart(6, "0")}.${width === 1 ? "u8" : "f32"}`);
  return {
    has: (index) => existsSync(path(index)) && statSync(path(index)).size === size,
    write: (index, { data }) =>
      writeAtomic(path(index), [new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]),
    read(count) {
      const bytes = new Uint8Array(Math.ceil(count / batch) * size);
      for (let index = 0; index * batch < count; index++) bytes.set(readFileSync(path(index)), index * size);
      const data = width === 1 ? bytes : new Float32Array(bytes.buffer);
      return { shape, count, data: data.subarray(0, count * elements(shape)) };
    },
  };
}
