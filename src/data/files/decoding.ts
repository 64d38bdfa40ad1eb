/** Many images decoded, a few at a time, leaving out those that cannot be read. */
import type { Sink } from "./cache.ts";
import type { Progress, Skipped } from "./loading.ts";

/** What became of the files. */
export interface Decoded {
  /** Which of the given files were decoded, in order. */
  readonly kept: readonly number[];
  readonly skipped: readonly Skipped[];
}

/** Decoded together: enough to keep every thread busy, few enough to report often, and of large images fewer. */
const [fewest, most, mostBytes] = [8, 64, 2 ** 23];

/**
 * Decodes all files into `sink`, `decode(i)` giving the `bytes` of the i-th. While some are written the next are decoded;
 * more pixels than those are never in memory.
 */
export async function* decodeAll(
  files: readonly string[],
  sink: Sink,
  bytes: number,
  decode: (index: number) => Promise<Uint8Array | Float32Array>,
): AsyncGenerator<Progress, Decoded, void> {
  const kept: number[] = [];
  const skipped: Skipped[] = [];
  const together = Math.max(fewest, Math.min(most, Math.floor(mostBytes / bytes)));
  const ask = (start: number) =>
    Promise.allSettled(files.slice(start, start + together).map((_, i) => decode(start + i)));
  let next = ask(0);
  for (let start = 0; start < files.length; start += together) {
    yield { done: start, total: files.length, what: "reading images" };
    const results = await next;
    next = ask(start + together);
    for (const [i, result] of results.entries()) {
      if (result.status === "rejected") skipped.push({ file: files[start + i], reason: reasonOf(result.reason) });
      else {
        await sink.append(result.value);
        kept.push(start + i);
      }
    }
  }
  yield { done: files.length, total: files.length, what: "reading images" };
  return { kept, skipped };
}

/** What a decoder complained about, in one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, " ").trim().slice(0, 200);
}
