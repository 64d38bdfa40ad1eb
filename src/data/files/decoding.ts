/** Many images decoded into one array, a few at a time, leaving out those that cannot be read. */
import { ConfigError } from "../../errors/index.ts";
import type { Progress, Skipped } from "./loading.ts";
import type { RasterShape } from "./raster.ts";

/** All images that could be decoded. */
export interface Decoded {
  /** One after the other, NCHW. */
  readonly pixels: Uint8Array;
  /** Which of the given files they are, in order. */
  readonly kept: readonly number[];
  readonly skipped: readonly Skipped[];
}

/** As much as one array holds, and more than this is for. */
const mostBytes = 2 ** 32;
/** Enough to keep every thread busy, few enough to report often. */
const together = 64;

/** Decodes all files, `decode(i)` giving the i-th in `shape`; `where` names them all in errors. */
export async function* decodeAll(
  where: string,
  files: readonly string[],
  shape: RasterShape,
  decode: (index: number) => Promise<Uint8Array>,
): AsyncGenerator<Progress, Decoded, void> {
  const stride = shape.channels * shape.height * shape.width;
  if (stride * files.length > mostBytes)
    throw new ConfigError(
      `${where}: ${files.length} images of ${shape.channels}×${shape.height}×${shape.width} need ${gigabytes(stride * files.length)} (at most ${gigabytes(mostBytes)}). Ask for a smaller size.`,
    );
  const pixels = new Uint8Array(stride * files.length);
  const kept: number[] = [];
  const skipped: Skipped[] = [];
  for (let start = 0; start < files.length; start += together) {
    yield { done: start, total: files.length, what: "reading images" };
    const results = await Promise.allSettled(files.slice(start, start + together).map((_, i) => decode(start + i)));
    for (const [i, result] of results.entries()) {
      if (result.status === "rejected") skipped.push({ file: files[start + i], reason: reasonOf(result.reason) });
      else {
        pixels.set(result.value, stride * kept.length);
        kept.push(start + i);
      }
    }
  }
  yield { done: files.length, total: files.length, what: "reading images" };
  return { pixels: pixels.subarray(0, stride * kept.length), kept, skipped };
}

/** What a decoder complained about, in one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, " ").trim().slice(0, 200);
}

const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toPrecision(2)} GiB`;
