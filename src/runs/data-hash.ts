/** What identifies data: everything in it, and nothing of where it was read from. */
import { createHash } from "node:crypto";
import { type Dataset, elements } from "../data/index.ts";

/** Examples hashed at a time. */
const together = 256;

export interface HashOptions {
  /** At most so many numbers are read, of examples evenly spread over the set; all of them by default. */
  readonly numbers?: number;
}

/** SHA-256, in hex, of a data set's shape, numbers, labels and class names; its name does not count. */
export function hashDataset(dataset: Dataset, { numbers = Infinity }: HashOptions = {}): string {
  const { shape, size, classes, label } = dataset;
  const hash = createHash("sha256").update(JSON.stringify({ shape, size, classes: classes ?? null }));
  const stride = elements(shape);
  const read = Math.max(1, Math.min(size, Math.floor(numbers / stride)));
  const values = new Float32Array(together * stride);
  const labels = new Int32Array(together);
  for (let start = 0; start < read; start += together) {
    const count = Math.min(together, read - start);
    for (let i = 0; i < count; i++) {
      const index = Math.floor(((start + i) * size) / read);
      dataset.read(index, values, i * stride);
      if (label) labels[i] = label.call(dataset, index);
    }
    hash.update(bytesOf(values.subarray(0, count * stride)));
    if (label) hash.update(bytesOf(labels.subarray(0, count)));
  }
  return hash.digest("hex");
}

/** What a run remembers its data by, and compares when it goes on: of very large sets, a part of the examples. */
export const dataFingerprint = (dataset: Dataset): string => hashDataset(dataset, { numbers: 2 ** 29 });

/** SHA-256 of some bytes, in hex. */
export const hashBytes = (...pieces: readonly (ArrayBufferView | string)[]): string => {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(typeof piece === "string" ? piece : bytesOf(piece));
  return hash.digest("hex");
};

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => new Uint8Array(buffer, byteOffset, byteLength);
