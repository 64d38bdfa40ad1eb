/** Products and squared distances between all rows of two matrices, in blocks that stay in cache. */
import type { Features } from "./features.ts";

/** Rows of a larger row-major float64 array: row i starts at `offset + i·stride`. */
export interface Rows {
  readonly data: Float64Array;
  readonly offset: number;
  readonly stride: number;
  readonly count: number;
}

/** `count` rows of the features from row `start`, as float64: a view where they are float64 already, else a copy. */
export function rowsOf({ data, dims }: Features, start: number, count: number): Rows {
  if (data instanceof Float64Array) return { data, offset: start * dims, stride: dims, count };
  return {
    data: Float64Array.from(data.subarray(start * dims, (start + count) * dims)),
    offset: 0,
    stride: dims,
    count,
  };
}

/** out[i][j] += scale · Σ_k a[i][k] b[j][k] over the first `columns` columns. */
export function addProducts(out: Rows, a: Rows, b: Rows, columns: number, scale = 1): void {
  tile(out, a, b, columns, (i, j, k, width) => products(out, a, b, i, j, k, width, scale), dot(scale));
}

/** out[i][j] += Σ_k (a[i][k] − b[j][k])²: by differences, so that near neighbours do not drown in rounding. */
export function addSquaredDistances(out: Rows, a: Rows, b: Rows, columns: number): void {
  tile(out, a, b, columns, (i, j, k, width) => distances(out, a, b, i, j, k, width), squaredDistance);
}

/** Width of a strip of columns, and rows of `b` that are visited again and again: 64 × 256 × 8 bytes fit in L2. */
const strip = 256;
const panel = 64;

type Dot = (a: Float64Array, i: number, b: Float64Array, j: number, width: number) => number;

/** Calls `inner` for every full 2 × 4 block of every strip, and adds what is left at the edges by `single`. */
function tile(
  out: Rows,
  a: Rows,
  b: Rows,
  columns: number,
  inner: (i: number, j: number, k: number, width: number) => void,
  single: Dot,
): void {
  const [evenRows, evenColumns] = [a.count - (a.count % 2), b.count - (b.count % 4)];
  for (let k = 0; k < columns; k += strip) {
    const width = Math.min(strip, columns - k);
    for (let j0 = 0; j0 < b.count; j0 += panel) {
      const j1 = Math.min(j0 + panel, b.count);
      for (let i = 0; i < evenRows; i += 2) for (let j = j0; j + 4 <= j1; j += 4) inner(i, j, k, width);
      for (let i = 0; i < a.count; i++)
        for (let j = i < evenRows ? Math.max(j0, evenColumns) : j0; j < j1; j++)
          out.data[out.offset + i * out.stride + j] += single(
            a.data,
            a.offset + i * a.stride + k,
            b.data,
            b.offset + j * b.stride + k,
            width,
          );
    }
  }
}

function products(out: Rows, a: Rows, b: Rows, i: number, j: number, k: number, width: number, scale: number): void {
  const [x, y, z] = [a.data, b.data, out.data];
  const [i0, i1] = [a.offset + i * a.stride + k, a.offset + (i + 1) * a.stride + k];
  const j0 = b.offset + j * b.stride + k;
  const [j1, j2, j3] = [j0 + b.stride, j0 + 2 * b.stride, j0 + 3 * b.stride];
  let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let c = 0; c < width; c++) {
    const x0 = x[i0 + c];
    const x1 = x[i1 + c];
    const y0 = y[j0 + c];
    const y1 = y[j1 + c];
    const y2 = y[j2 + c];
    const y3 = y[j3 + c];
    s00 += x0 * y0;
    s01 += x0 * y1;
    s02 += x0 * y2;
    s03 += x0 * y3;
    s10 += x1 * y0;
    s11 += x1 * y1;
    s12 += x1 * y2;
    s13 += x1 * y3;
  }
  const [o0, o1] = [out.offset + i * out.stride + j, out.offset + (i + 1) * out.stride + j];
  z[o0] += scale * s00;
  z[o0 + 1] += scale * s01;
  z[o0 + 2] += scale * s02;
  z[o0 + 3] += scale * s03;
  z[o1] += scale * s10;
  z[o1 + 1] += scale * s11;
  z[o1 + 2] += scale * s12;
  z[o1 + 3] += scale * s13;
}

function distances(out: Rows, a: Rows, b: Rows, i: number, j: number, k: number, width: number): void {
  const [x, y, z] = [a.data, b.data, out.data];
  const [i0, i1] = [a.offset + i * a.stride + k, a.offset + (i + 1) * a.stride + k];
  const j0 = b.offset + j * b.stride + k;
  const [j1, j2, j3] = [j0 + b.stride, j0 + 2 * b.stride, j0 + 3 * b.stride];
  let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let c = 0; c < width; c++) {
    const x0 = x[i0 + c];
    const x1 = x[i1 + c];
    const y0 = y[j0 + c];
    const y1 = y[j1 + c];
    const y2 = y[j2 + c];
    const y3 = y[j3 + c];
    s00 += (x0 - y0) * (x0 - y0);
    s01 += (x0 - y1) * (x0 - y1);
    s02 += (x0 - y2) * (x0 - y2);
    s03 += (x0 - y3) * (x0 - y3);
    s10 += (x1 - y0) * (x1 - y0);
    s11 += (x1 - y1) * (x1 - y1);
    s12 += (x1 - y2) * (x1 - y2);
    s13 += (x1 - y3) * (x1 - y3);
  }
  const [o0, o1] = [out.offset + i * out.stride + j, out.offset + (i + 1) * out.stride + j];
  z[o0] += s00;
  z[o0 + 1] += s01;
  z[o0 + 2] += s02;
  z[o0 + 3] += s03;
  z[o1] += s10;
  z[o1 + 1] += s11;
  z[o1 + 2] += s12;
  z[o1 + 3] += s13;
}

/** The same sums as `products` and `distances`, term by term in the same order, for one pair of rows. */
const dot =
  (scale: number): Dot =>
  (a, i, b, j, width) => {
    let sum = 0;
    for (let c = 0; c < width; c++) sum += a[i + c] * b[j + c];
    return scale * sum;
  };

const squaredDistance: Dot = (a, i, b, j, width) => {
  let sum = 0;
  for (let c = 0; c < width; c++) sum += (a[i + c] - b[j + c]) * (a[i + c] - b[j + c]);
  return sum;
};
