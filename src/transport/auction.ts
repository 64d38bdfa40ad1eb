/**
 * The cheap phases that come before shortest paths: column reduction and augmenting row reduction of Jonker & Volgenant
 * (1987), the latter with the ε of Bertsekas' auction (1988), whose limit ε = 0 it is.
 */
import { type Market, none } from "./market.ts";

/**
 * Sets v_j = min_i (c_ij − r_i) for row levels r (means, so that a cheap row does not win every column), and matches each
 * column to its cheapest row if that is free. Square problems only: a column left over at the end must have v = 0.
 * Returns false if a column has no finite cost.
 */
export function reduceColumns(market: Market, levels: Float64Array): boolean {
  const { data, rows, columns, v, rowOf, columnOf } = market;
  const cheapest = new Int32Array(columns);
  rowOf.fill(none);
  columnOf.fill(none);
  v.fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i < rows; i++) {
    const start = i * columns;
    const level = levels[i];
    for (let j = 0; j < columns; j++) {
      const cost = data[start + j] - level;
      if (cost < v[j]) {
        v[j] = cost;
        cheapest[j] = i;
      }
    }
  }
  for (let j = columns - 1; j >= 0; j--) {
    if (v[j] === Number.POSITIVE_INFINITY) return false;
    if (rowOf[j] === none && columnOf[cheapest[j]] === none) market.match(cheapest[j], j);
  }
  return true;
}

/** Rows still to be matched, as a stack. */
export interface Queue {
  readonly rows: Int32Array;
  size: number;
}

export const emptyQueue = (capacity: number): Queue => ({ rows: new Int32Array(capacity), size: 0 });

/** Full reads per row, the first included, after which bidding stops: image pairs need 2 to 7, degenerate costs any number. */
const mostReads = 8;

export interface AuctionOptions {
  /** What a bid pays above the second-best column. 0 is augmenting row reduction, which keeps matched pairs tight. */
  readonly epsilon: number;
  /** Number of bids after which the other rows are left over. */
  readonly bids: number;
}

/**
 * Empties `queue` by bidding: each row takes its cheapest column, whose owner then bids again. Rows without a choice, and
 * those for which bids or full reads run out, go to `rest`: shortest paths cannot be drawn into a price war.
 */
export function auction(market: Market, queue: Queue, rest: Queue, { epsilon, bids }: AuctionOptions): void {
  const { v, rowOf, columnOf } = market;
  let budget = bids;
  rest.size = 0;
  while (queue.size > 0) {
    const row = queue.rows[--queue.size];
    const left = budget-- > 0 && market.reads <= mostReads * market.rows;
    if (left) market.bid(row);
    if (!left || market.second === Number.POSITIVE_INFINITY) {
      rest.rows[rest.size++] = row;
      continue;
    }
    let column = market.firstColumn;
    const price = v[column] - (market.second - market.first + epsilon);
    const falls = price < v[column];
    if (falls) v[column] = price;
    else if (rowOf[column] !== none) column = market.secondColumn;
    const owner = rowOf[column];
    market.match(row, column);
    if (owner === none) continue;
    columnOf[owner] = none;
    // After a tie the loser waits, or two rows could pass one column back and forth for ever.
    if (falls) queue.rows[queue.size++] = owner;
    else rest.rows[rest.size++] = owner;
  }
}

/** Frees every row whose column is more than ε above its cheapest, and queues all free rows. */
export function release(market: Market, queue: Queue, epsilon: number): void {
  const { data, rows, columns, v, rowOf, columnOf } = market;
  queue.size = 0;
  for (let i = rows - 1; i >= 0; i--) {
    const j = columnOf[i];
    if (j !== none) {
      market.bid(i);
      if (data[i * columns + j] - v[j] <= market.first + epsilon) continue;
      rowOf[j] = none;
      columnOf[i] = none;
    }
    queue.rows[queue.size++] = i;
  }
}

/** Starts the matching over from the prices: each row takes its cheapest column if that is free, or is queued. */
export function tighten(market: Market, queue: Queue): void {
  market.rowOf.fill(none);
  market.columnOf.fill(none);
  queue.size = 0;
  for (let i = market.rows - 1; i >= 0; i--) {
    market.bid(i);
    const j = market.firstColumn;
    if (j !== none && market.rowOf[j] === none) market.match(i, j);
    else queue.rows[queue.size++] = i;
  }
}
