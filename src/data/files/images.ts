/** Collections of image files, in a folder or packed together, made into one data set of equal images. */
import { basename, extname } from "node:path";
import { ConfigError, reasonOf } from "../../errors/index.ts";
import { type Build, cached, cacheFile } from "./cache.ts";
import { decodeAll } from "./decoding.ts";
import { readHeader, readImage } from "./drawings.ts";
import type { Crop, Filter } from "./framing.ts";
import { type FileLabels, type LabelSource, numbered, sidecarNames } from "./labels.ts";
import type { ImageSummary, Loading, Progress, Skipped } from "./loading.ts";
import { extensions, type RasterHeader, type RasterShape } from "./raster.ts";

/** Image files that belong together. */
export interface Collection {
  /** Names them in errors. */
  readonly where: string;
  /** Of the data set. */
  readonly name: string;
  /** Their names, in order. */
  readonly files: readonly string[];
  /** Other files, for the report. */
  readonly ignored: readonly string[];
  /** Changes when any of them does. */
  readonly fingerprint: string;
  /** The i-th file for the decoder: its path, or its bytes. */
  open(i: number): string | Promise<Uint8Array>;
  /** The labels of all files; nothing if there are none and none were asked for. */
  labels(from: LabelSource | undefined): Promise<FileLabels | undefined>;
}

/** What may be asked of a collection's images. */
export interface ImageOptions {
  /** [height, width]; if all images agree and are at most 256 on a side, theirs, else 64×64. */
  readonly size?: readonly [number, number];
  /** 1 grey, 3 colour, 2 and 4 these with opacity; if left out, grey if all images are, and no opacity. */
  readonly channels?: number;
  readonly labels?: LabelSource;
  readonly crop?: Crop;
  readonly filter?: Filter;
}

const fallbackSize = 64;
const largestNative = 256;
/** Headers read together. */
const together = 64;

/**
 * All images of a collection. They are cropped to the asked-for proportions and resized. Where all have 16 bits a channel
 * they are kept at full depth, as numbers. Files that cannot
 * be read are left out and named in the report. The decoded images are cached in the folder `cache` until something
 * changes.
 */
export async function* imageSet(
  collection: Collection,
  { size, channels, labels, crop = "centre", filter }: ImageOptions,
  cache: string,
): Loading {
  const { where, name, files, ignored, fingerprint } = collection;
  if (files.length === 0) {
    const seen = ignored.length === 0 ? "it is empty" : `it has ${endings(ignored)}`;
    throw new ConfigError(`${where}: holds no images: ${seen} (${extensions.join(", ")}).`);
  }
  if (channels !== undefined && !isRaster(channels))
    throw new ConfigError(
      `${where}: channels: got ${channels} (of image files 1 grey, 2 grey and opacity, 3 colour, 4 colour and opacity).`,
    );
  const file = cacheFile(cache, name, { where, size, channels, labels, crop, filter: filter ?? "its own" });
  const asked = {
    ...(size && { size }),
    ...(channels && { channels }),
    ...(labels && { labels }),
    crop,
    ...(filter && { filter }),
  };
  return yield* cached(file, name, fingerprint, (begin) => read(collection, asked, begin));
}

const isRaster = (channels: number): channels is RasterShape["channels"] => [1, 2, 3, 4].includes(channels);

/** Whether a file's ending is that of an image. */
export const isImage = (file: string) => (extensions as readonly string[]).includes(extname(file).toLowerCase());

/** Some of the files' endings, with how often they occur. */
function endings(files: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const file of files) counts.set(extname(file), (counts.get(extname(file)) ?? 0) + 1);
  const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 4);
  return most
    .map(([ending, count]) => `${count} ${ending === "" ? `${count === 1 ? "file" : "files"} without ending` : ending}`)
    .join(", ");
}

async function* read(
  collection: Collection,
  { size, channels, labels, crop, filter }: Omit<ImageOptions, "channels"> & Partial<Pick<RasterShape, "channels">>,
  begin: Parameters<Build>[0],
): ReturnType<Build> {
  const { where, files } = collection;
  const ignored = collection.ignored.filter((file) => !sidecarNames.includes(basename(file)));
  const labelled = await collection.labels(labels);
  const { headers, readable, skipped: unreadable } = yield* readHeaders(collection);
  // Better to miss a label before the decoding than after it.
  if (labelled) numbered(where, files, labelled, readable);
  const none = (skipped: readonly Skipped[]) =>
    new ConfigError(
      `${where}: none of ${files.length} images can be read; the first, ${skipped[0].file}: ${skipped[0].reason}.`,
    );
  if (headers.length === 0) throw none(unreadable);
  const [first] = headers;
  const alike = headers.every(({ height, width }) => height === first.height && width === first.width);
  const native = alike && Math.max(first.height, first.width) <= largestNative;
  const [height, width] = size ?? (native ? [first.height, first.width] : [fallbackSize, fallbackSize]);
  const deep = headers.every((header) => header.deep);
  const shape: RasterShape = {
    height,
    width,
    channels: channels ?? (headers.every(({ gray }) => gray) ? 1 : 3),
    deep,
    ...(crop && { crop }),
    ...(filter && { filter }),
  };

  const names = readable.map((i) => files[i]);
  const sink = await begin({ type: deep ? "float32" : "uint8", shape: [shape.channels, height, width] });
  const bytes = shape.channels * height * width;
  const decoded = yield* decodeAll(names, sink, bytes, async (i) =>
    readImage(await collection.open(readable[i]), shape),
  );
  const skipped = [...unreadable, ...decoded.skipped];
  const kept = decoded.kept.map((i) => readable[i]);
  if (kept.length === 0) throw none(skipped);
  const resized = headers.filter((header) => header.height !== height || header.width !== width).length;
  const notes = [
    ...(resized > 0
      ? [
          `${resized} of ${headers.length} images were ${crop === "wide" ? "framed" : "cropped"} and resized to ${height}×${width}.`,
        ]
      : []),
    ...(deep ? ["All images have 16 bits a channel, and are kept at full depth, as numbers."] : []),
    ...(ignored.length > 0
      ? [`${ignored.length} other ${ignored.length === 1 ? "file was" : "files were"} ignored: ${endings(ignored)}.`]
      : []),
  ];
  return {
    ...(labelled && numbered(where, files, labelled, kept)),
    report: { notes, skipped, images: summaryOf(headers) },
  };
}

/** What the files were before they were brought to one size. */
function summaryOf(headers: readonly RasterHeader[]): ImageSummary {
  const tally = <T extends string>(of: (header: RasterHeader) => T) => {
    const counts = new Map<T, number>();
    for (const header of headers) counts.set(of(header), (counts.get(of(header)) ?? 0) + 1);
    return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1]));
  };
  return {
    formats: tally(({ format }) => format),
    modes: tally(({ mode }) => mode),
    sizes: tally(({ height, width }) => `${height}x${width}`),
  };
}

async function* readHeaders(collection: Collection) {
  const { files } = collection;
  const headers: RasterHeader[] = [];
  const readable: number[] = [];
  const skipped: Skipped[] = [];
  for (let start = 0; start < files.length; start += together) {
    yield { done: start, total: files.length, what: "reading sizes" } satisfies Progress;
    const group = files.slice(start, start + together);
    const results = await Promise.allSettled(group.map(async (_, i) => readHeader(await collection.open(start + i))));
    for (const [i, result] of results.entries()) {
      if (result.status === "rejected") skipped.push({ file: group[i], reason: reasonOf(result.reason) });
      else {
        headers.push(result.value);
        readable.push(start + i);
      }
    }
  }
  return { headers, readable, skipped };
}
