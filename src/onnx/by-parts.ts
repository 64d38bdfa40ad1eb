/** Chains of ops on images, a few examples at a time. */
import type { Shape } from "../graph/index.ts";
import type { Layouts } from "./layouts.ts";

/** Blocked images of one shape, and vectors [B·C] with a number for each channel of each example. */
export interface Arrays<Row = string> {
  readonly images: readonly string[];
  readonly rows: readonly Row[];
}

/** From so many parts on a loop over them is faster. */
const leastParts = 4;

/** How many parts of equal size the examples are taken in, so that an image of one fits the cache; 1 where that is of no use. */
export function partCount([batch, ...image]: Shape, cacheBytes: number): number {
  const bytes = image.reduce((n, size) => n * size, 4 * batch);
  for (let parts = Math.ceil(bytes / cacheBytes); parts >= leastParts && parts <= batch; parts++)
    if (batch % parts === 0) return parts;
  return 1;
}

/**
 * What `chain` makes of images of this shape, part by part: what lies between its ops stays in the processor's cache. Every
 * example must go by itself. An image that it returns is copied if it is a view of another value.
 */
export function byParts(
  layouts: Layouts,
  shape: Shape,
  { images, rows }: Arrays<string | undefined>,
  chain: (part: Arrays<string | undefined> & { readonly shape: Shape }) => Arrays,
): Arrays {
  const parts = partCount(shape, layouts.emit.cacheBytes);
  if (parts === 1) return chain({ images, rows, shape });
  const [b, c] = shape;
  const part = [b / parts, ...shape.slice(1)];
  const vector = [(b / parts) * c];
  const cut = (name: string, of: Shape) => ({ name: layouts.view(name, [parts, ...of]), shape: [parts, ...of] });
  const given = [
    ...images.map((name) => cut(name, part)),
    ...rows.flatMap((name) => (name === undefined ? [] : [cut(name, vector)])),
  ];
  let count = 0;
  const made = layouts.emit.scan(given, (slices) => {
    const left = [...slices];
    const result = chain({
      shape: part,
      images: images.map(() => left.shift()!),
      rows: rows.map((name) => (name === undefined ? undefined : left.shift())),
    });
    count = result.images.length;
    return [
      ...result.images.map((name) => ({ name, shape: part })),
      ...result.rows.map((name) => ({ name, shape: vector })),
    ];
  });
  return {
    images: made.slice(0, count).map((name) => layouts.view(name, shape)),
    rows: made.slice(count).map((name) => layouts.view(name, [b * c])),
  };
}
