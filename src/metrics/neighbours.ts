/** Nearest neighbours by exhaustive search, in blocks. */
import { checkInteger, checkPair, type Features } from "./features.ts";
import { addSquaredDistances, type Rows, rowsOf } from "./tiles.ts";

/** The k nearest references of each query, nearest first. */
export interface Neighbours {
  readonly k: number;
  /** Rows among the references, `[queries, k]`. */
  readonly index: Int32Array;
  /** Squared Euclidean distances, `[queries, k]`. */
  readonly squaredDistance: Float64Array;
}

/**
 * The k nearest `references` of every query. Where the two are the same object, a vector is not its own neighbour, but
 * its exact copies elsewhere in the set are. Equal distances keep the order of the references.
 */
export function nearestNeighbours(queries: Features, references: Features, k: number): Neighbours {
  checkPair("nearestNeighbours", queries, references);
  const same = queries === references;
  checkInteger("nearestNeighbours", "k", k, 1, references.count - (same ? 1 : 0));
  const index = new Int32Array(queries.count * k).fill(-1);
  const squaredDistance = new Float64Array(queries.count * k).fill(Infinity);
  forDistances(queries, references, (i, j, distances, at, count) => {
    const first = i * k;
    const last = first + k - 1;
    for (let c = 0; c < count; c++) {
      const distance = distances[at + c];
      if (!(distance < squaredDistance[last]) || (same && i === j + c)) continue;
      let place = last;
      for (; place > first && squaredDistance[place - 1] > distance; place--) {
        squaredDistance[place] = squaredDistance[place - 1];
        index[place] = index[place - 1];
      }
      squaredDistance[place] = distance;
      index[place] = j + c;
    }
  });
  return { k, index, squaredDistance };
}

/**
 * Calls `visit` with pieces of the matrix of squared distances: `count` of them, from `distances[at]`, are those of
 * query i to references j, j + 1, …. For each query the pieces come in the order of the references.
 */
export function forDistances(
  queries: Features,
  references: Features,
  visit: (i: number, j: number, distances: Float64Array, at: number, count: number) => void,
): void {
  const [height, width] = [256, 256];
  const distances = new Float64Array(height * width);
  for (let j = 0; j < references.count; j += width) {
    const right = rowsOf(references, j, Math.min(width, references.count - j));
    for (let i = 0; i < queries.count; i += height) {
      const left = rowsOf(queries, i, Math.min(height, queries.count - i));
      const out: Rows = { data: distances.fill(0), offset: 0, stride: width, count: left.count };
      addSquaredDistances(out, left, right, queries.dims);
      for (let row = 0; row < left.count; row++) visit(i + row, j, distances, row * width, right.count);
    }
  }
}
