/** Many images decoded, a few at a time, leaving out those that cannot be read. */
import { reasonOf } from "../../errors/index.ts";
import type { Sink } from "./cache.ts";
import type { Progress, Skipped } from "./loading.ts";

/** What became of the files. */
export interface Decoded {
  /** Which of the given files were decoded, in order. */
  readonly kept: readonly number[];
  readonly skipped: readonly Skipped[];
}

/** Decoded at a time: enough to keep every thread busy, and of large images fewer. */
const [fewest, most, mostBytes] = [8, 64, 2 ** 23];
/** Images between reports. */
const often = 16;

type Outcome = { readonly value: Uint8Array | Float32Array } | { readonly reason: unknown };

/**
 * Decodes all files into `sink`, in order, `decode(i)` giving the `bytes` of the i-th. Others are decoded ahead while one is
 * written; more pixels than those are never in memory.
 */
export async function* decodeAll(
  files: readonly string[],
  sink: Sink,
  bytes: number,
  decode: (index: number) => Promise<Uint8Array | Float32Array>,
): AsyncGenerator<Progress, Decoded, void> {
  const kept: number[] = [];
  const skipped: Skipped[] = [];
  const ahead = Math.max(fewest, Math.min(most, Math.floor(mostBytes / bytes)));
  const pending: Promise<Outcome>[] = [];
  let begun = 0;
  try {
    for (const [i, file] of files.entries()) {
      if (i % often === 0) yield { done: i, total: files.length, what: "reading images" };
      while (begun < files.length && pending.length < ahead)
        pending.push(
          decode(begun++).then(
            (value) => ({ value }),
            (reason: unknown) => ({ reason }),
          ),
        );
      const outcome = await pending.shift()!;
      if ("reason" in outcome) skipped.push({ file, reason: reasonOf(outcome.reason) });
      else {
        await sink.append(outcome.value);
        kept.push(i);
      }
    }
  } finally {
    await Promise.all(pending);
  }
  yield { done: files.length, total: files.length, what: "reading images" };
  return { kept, skipped };
}
