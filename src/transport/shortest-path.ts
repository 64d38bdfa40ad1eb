/** Shortest augmenting paths: the phase that completes an assignment and makes it optimal. */
import { IndexedHeap } from "./heap.ts";
import { type Market, none } from "./market.ts";

/**
 * Matches each row of `free` along a shortest path of reduced costs, which are non-negative everywhere and 0 on matched
 * pairs. Returns false if some row cannot be matched. Dual feasibility and tightness hold after every path.
 */
export function augment(market: Market, free: Int32Array): boolean {
  const { v, columnOf } = market;
  const search = new Search(market);
  let explore = search.byLists;
  for (const root of free) {
    let end = explore.call(search, root);
    if (end === abandoned) {
      explore = search.byRows;
      end = explore.call(search, root);
    }
    if (end === none) return false;

    // Lower the prices of the settled columns, which makes the path tight, then swap along it.
    const { distance, previous, settled, count } = search;
    for (let k = 0; k < count; k++) v[settled[k]] += distance[settled[k]] - distance[end];
    for (let j = end, row = none; row !== root; ) {
      row = previous[j];
      const next = columnOf[row];
      market.match(row, j);
      j = next;
    }
  }
  return true;
}

/** What a search by lists returns when lists do not pay. */
const abandoned = -2;

/** One search of Dijkstra's algorithm from a free row to the nearest free column, and the arrays it reuses. */
class Search {
  readonly market: Market;
  readonly distance: Float64Array;
  /** The row from which each column was reached. */
  readonly previous: Int32Array;
  /** The first `count` entries are the columns whose distance is final. */
  readonly settled: Int32Array;
  count = 0;

  readonly #done: Uint8Array;
  readonly #offset: Float64Array;
  readonly #heap: IndexedHeap;
  readonly #open: Int32Array;

  constructor(market: Market) {
    const { rows, columns } = market;
    this.market = market;
    this.distance = new Float64Array(columns);
    this.previous = new Int32Array(columns);
    this.settled = new Int32Array(columns);
    this.#done = new Uint8Array(columns);
    this.#offset = new Float64Array(rows);
    this.#heap = new IndexedHeap(columns + rows);
    this.#open = new Int32Array(columns);
  }

  /**
   * Follows the rows' lists. A row's `bound` stands in the heap, as item `columns + row`, for all columns not on its
   * list; the row is read in full only when that becomes the smallest key. Gives up if that happens to every fourth row.
   */
  byLists(root: number): number {
    const { data, columns, width, v, rowOf, listed, listedCost, bound } = this.market;
    const { distance, previous, settled } = this;
    const done = this.#done;
    const offset = this.#offset;
    const heap = this.#heap;
    distance.fill(Number.POSITIVE_INFINITY);
    // Rounding must not reopen a settled column, or the path would close on itself.
    done.fill(0);
    heap.clear();
    this.count = 0;
    let read = 0;
    let shortest = Number.POSITIVE_INFINITY; // to the nearest free column so far
    let end = none;
    let row = root;
    let from = 0;

    for (;;) {
      offset[row] = from;
      for (let p = row * width; p < (row + 1) * width; p++) {
        const j = listed[p];
        const d = listedCost[p] - v[j] + from;
        if (d >= distance[j] || d >= shortest || done[j] === 1) continue;
        distance[j] = d;
        previous[j] = row;
        if (rowOf[j] === none) {
          shortest = d;
          end = j;
        } else heap.put(j, d);
      }
      if (bound[row] + from < shortest) heap.put(columns + row, bound[row] + from);

      let item = none;
      while (heap.least < shortest) {
        item = heap.pop();
        if (item < columns) break;
        row = item - columns;
        if (++read > 16 && 4 * read > this.count) return abandoned;
        this.market.list(row);
        from = offset[row];
        const start = row * columns;
        for (let j = 0; j < columns; j++) {
          const d = data[start + j] - v[j] + from;
          if (d >= distance[j] || d >= shortest || done[j] === 1) continue;
          distance[j] = d;
          previous[j] = row;
          if (rowOf[j] === none) {
            shortest = d;
            end = j;
          } else heap.put(j, d);
        }
        item = none;
      }
      if (item === none) return end;
      settled[this.count++] = item;
      done[item] = 1;
      row = rowOf[item];
      from = distance[item] - (data[row * columns + item] - v[item]);
    }
  }

  /** Reads every row in full and finds the nearest column while doing so: O(columns) a row whatever the costs are. */
  byRows(root: number): number {
    const { data, columns, v, rowOf } = this.market;
    const { distance, previous, settled } = this;
    const open = this.#open;
    for (let j = 0; j < columns; j++) open[j] = j;
    distance.fill(Number.POSITIVE_INFINITY);
    this.count = 0;
    let row = root;
    let from = 0;
    for (let size = columns; size > 0; ) {
      const start = row * columns;
      let least = Number.POSITIVE_INFINITY;
      let at = none;
      for (let k = 0; k < size; k++) {
        const j = open[k];
        const d = data[start + j] - v[j] + from;
        let known = distance[j];
        if (d < known) {
          distance[j] = known = d;
          previous[j] = row;
        }
        if (known <= least && (known < least || rowOf[j] === none)) {
          least = known;
          at = k;
        }
      }
      if (least === Number.POSITIVE_INFINITY) return none;
      const column = open[at];
      if (rowOf[column] === none) return column;
      open[at] = open[--size];
      settled[this.count++] = column;
      row = rowOf[column];
      from = least - (data[row * columns + column] - v[column]);
    }
    return none;
  }
}
