/** The state that every phase of the assignment solver shares: prices, the matching, and each row's cheapest columns. */
import type { Costs } from "./costs.ts";

/** No column: the row has no finite cost left among its candidates. */
export const none = -1;

/**
 * Rows bid for columns. The reduced cost of a pair is c_ij − v_j, and **v only ever falls**, so reduced costs only rise.
 * That lets each row keep a short list of its cheapest columns and one number, `bound`, below which no other column can
 * be: a row is read in full only when the list no longer decides.
 */
export class Market {
  /** c, `[rows × columns]`, rows ≤ columns. */
  readonly data: Costs["data"];
  readonly rows: number;
  readonly columns: number;
  /** Length of each row's list. */
  readonly width: number;
  /** Column duals. */
  readonly v: Float64Array;
  /** Column of each row and row of each column, −1 if free. */
  readonly columnOf: Int32Array;
  readonly rowOf: Int32Array;

  /** The lists: columns and their costs, `[rows × width]`, cheapest first when listed. */
  readonly listed: Int32Array;
  readonly listedCost: Float64Array;
  /** Every column outside row i's list has reduced cost ≥ bound[i]. */
  readonly bound: Float64Array;

  /** The latest bid: the two smallest reduced costs of a row and their columns. */
  first = 0;
  second = 0;
  firstColumn = none;
  secondColumn = none;

  /** Rows read in full so far. */
  reads = 0;
  /** Largest minus smallest reduced cost of the latest list; not finite if it has infinite costs. */
  spread = 0;
  readonly #sorted: Float64Array;

  constructor({ data, rows, columns }: Costs) {
    this.data = data;
    this.rows = rows;
    this.columns = columns;
    // A longer list costs more at every bid than it saves in full reads; short rows are cheap to read.
    this.width = Math.min(columns, 4 + Math.min(12, columns >> 7));
    this.v = new Float64Array(columns);
    this.columnOf = new Int32Array(rows).fill(-1);
    this.rowOf = new Int32Array(columns).fill(-1);
    this.listed = new Int32Array(rows * this.width);
    this.listedCost = new Float64Array(rows * this.width);
    this.bound = new Float64Array(rows);
    this.#sorted = new Float64Array(this.width);
  }

  match(row: number, column: number): void {
    this.columnOf[row] = column;
    this.rowOf[column] = row;
  }

  /**
   * Lists the row's cheapest columns anew. `limit` saves work if at least `width` reduced costs do not exceed it; if fewer
   * do, the row is read once more without it.
   */
  list(row: number, limit = Number.POSITIVE_INFINITY): void {
    const { data, columns, width, v, listed, listedCost } = this;
    const sorted = this.#sorted;
    const start = row * columns;
    const base = row * width;
    const rare = columns > 16 * width;
    let size = 0;
    let worst = limit;
    this.reads++;
    for (let j = 0; j < columns; j++) {
      // In a long row nearly every column is passed over, so four at a time.
      if (rare)
        while (
          j + 4 < columns &&
          data[start + j] - v[j] > worst &&
          data[start + j + 1] - v[j + 1] > worst &&
          data[start + j + 2] - v[j + 2] > worst &&
          data[start + j + 3] - v[j + 3] > worst
        )
          j += 4;
      const reduced = data[start + j] - v[j];
      if (reduced > worst || (reduced === worst && size === width)) continue;
      let p = size < width ? size++ : width - 1;
      for (; p > 0 && sorted[p - 1] > reduced; p--) {
        sorted[p] = sorted[p - 1];
        listed[base + p] = listed[base + p - 1];
      }
      sorted[p] = reduced;
      listed[base + p] = j;
      if (size === width) worst = sorted[width - 1];
    }
    if (size < width) {
      this.list(row);
      return;
    }
    for (let p = base; p < base + width; p++) listedCost[p] = data[start + listed[p]];
    this.spread = sorted[width - 1] - sorted[0];
    this.bound[row] = width === columns ? Number.POSITIVE_INFINITY : worst;
  }

  /** Finds the row's two smallest reduced costs. */
  bid(row: number): void {
    const { width, v, listed, listedCost } = this;
    let first = Number.POSITIVE_INFINITY;
    let second = Number.POSITIVE_INFINITY;
    let largest = Number.NEGATIVE_INFINITY;
    let firstColumn = none;
    let secondColumn = none;
    for (let p = row * width; p < (row + 1) * width; p++) {
      const j = listed[p];
      const reduced = listedCost[p] - v[j];
      if (reduced > largest) largest = reduced;
      if (reduced >= second) continue;
      if (reduced < first) {
        second = first;
        secondColumn = firstColumn;
        first = reduced;
        firstColumn = j;
      } else {
        second = reduced;
        secondColumn = j;
      }
    }
    if (second > this.bound[row]) {
      this.list(row, largest);
      this.bid(row);
      return;
    }
    this.first = first;
    this.second = second;
    this.firstColumn = firstColumn;
    this.secondColumn = secondColumn;
  }
}
