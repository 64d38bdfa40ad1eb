/** What identifies data: everything in it, and nothing of where it was read from. */
import { createHash } from "node:crypto";
import { type Dataset, elements } from "../data/index.ts";

/** Examples hashed at a time. */
const together = 256;

/** SHA-256, in hex, of a data set's shape, numbers, labels and class names; its name does not count. */
export function hashDataset(dataset: Dataset): string {
  const { shape, size, classes, label } = dataset;
  const hash = createHash("sha256").update(JSON.stringify({ shape, size, classes: classes ?? null }));
  const stride = elements(shape);
  const values = new Float32Array(together * stride);
  const labels = new Int32Array(together);
  for (let start = 0; start < size; start += together) {
    const count = Math.min(together, size - start);
    for (let i = 0; i < count; i++) {
      dataset.read(start + i, values, i * stride);
      if (label) labels[i] = label.call(dataset, start + i);
    }
    hash.update(bytesOf(values.subarray(0, count * stride)));
    if (label) hash.update(bytesOf(labels.subarray(0, count)));
  }
  return hash.digest("hex");
}

/** SHA-256 of some bytes, in hex. */
export const hashBytes = (...pieces: readonly (ArrayBufferView | string)[]): string => {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(typeof piece === "string" ? piece : bytesOf(piece));
  return hash.digest("hex");
};

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => new Uint8Array(buffer, byteOffset, byteLength);
