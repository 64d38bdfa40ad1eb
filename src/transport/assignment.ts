/** Minimum-cost assignment: which noise goes with which image. */
import { ConfigError } from "../errors/index.ts";
import { auction, emptyQueue, type Queue, reduceColumns, release, tighten } from "./auction.ts";
import { type Costs, transpose } from "./costs.ts";
import { Market, none } from "./market.ts";
import { augment } from "./shortest-path.ts";

/** An optimal assignment with the dual variables that prove it optimal. */
export interface Assignment {
  /** The column of each row; −1 for a row left over, if there are more rows than columns. */
  readonly columnOf: Int32Array;
  /** The row of each column; −1 for a column left over, if there are more columns than rows. */
  readonly rowOf: Int32Array;
  /** Sum of the matched costs. */
  readonly cost: number;
  /** u and v: u_i + v_j ≤ c_ij everywhere, with equality on matched pairs; 0 on what is left over, and ≤ 0 on that side. */
  readonly rowDual: Float64Array;
  readonly columnDual: Float64Array;
}

/**
 * Pairs rows with columns so that the sum of costs is least; every line of the shorter side is matched. An entry of
 * Infinity forbids its pair. The algorithm of Jonker & Volgenant (1987): column reduction, augmenting row reduction,
 * shortest augmenting paths, all on short lists of candidates (see `Market`), and for square problems with ε-scaling in
 * between, which leaves the paths next to nothing to do. Exact and deterministic; O(N³) at worst.
 *
 * Throws ConfigError if a cost is NaN or −Infinity, or if the forbidden pairs leave no complete assignment.
 */
export function assign(costs: Costs): Assignment {
  const { rows, columns, data } = costs;
  if (data.length !== rows * columns)
    throw new ConfigError(`assign: costs hold ${data.length} numbers (expected ${rows} × ${columns}).`);
  const levels = rowLevels(costs);
  if (rows > columns) {
    const { columnOf, rowOf, cost, rowDual, columnDual } = assign(transpose(costs));
    return { columnOf: rowOf, rowOf: columnOf, cost, rowDual: columnDual, columnDual: rowDual };
  }

  const market = new Market(costs);
  let queue = emptyQueue(rows);
  let rest = emptyQueue(rows);
  if (rows === columns) findPrices(market, levels, queue, rest);
  else listRows(market);
  tighten(market, queue);
  // Twice, because the second round starts where ties stopped the first.
  for (let round = 0; round < 2; round++) {
    auction(market, queue, rest, { epsilon: 0, bids: 2 * rows });
    [queue, rest] = [rest, queue];
  }
  if (queue.size > 0 && !augment(market, queue.rows.subarray(0, queue.size))) throw infeasible(costs);

  const { v, rowOf, columnOf } = market;
  const u = new Float64Array(rows);
  let cost = 0;
  for (let i = 0; i < rows; i++) {
    const c = data[i * columns + columnOf[i]];
    u[i] = c - v[columnOf[i]];
    cost += c;
  }
  return { columnOf, rowOf, cost, rowDual: u, columnDual: v };
}

/** Column reduction and ε-scaling: prices close to the right ones. Any would do; from these the rest is quick. */
function findPrices(market: Market, { mean, least }: RowLevels, queue: Queue, rest: Queue): void {
  const { rows } = market;
  // A mean far above the cheapest costs would make large prices, and lose the digits that decide between small ones.
  const reach = 16 * listRows(market, Math.ceil(rows / 16));
  const levels = mean.map((level, i) => Math.min(level, least[i] + reach));
  if (!reduceColumns(market, levels)) throw infeasible(market);
  const spread = listRows(market);
  if (spread === 0) return;
  for (const fraction of rows > 512 ? [1 / 30, 1 / 300] : [1 / 20]) {
    release(market, queue, fraction * spread);
    auction(market, queue, rest, { epsilon: fraction * spread, bids: 20 * rows });
  }
}

/** Lists the candidates of every `stride`-th row; returns how far the lists reach above their cheapest, on average. */
function listRows(market: Market, stride = 1): number {
  let spread = 0;
  let finite = 0;
  for (let i = 0; i < market.rows; i += stride) {
    market.list(i);
    if (!Number.isFinite(market.spread)) continue;
    spread += market.spread;
    finite++;
  }
  return finite > 0 ? spread / finite : 0;
}

/** How far an assignment is from a proof of optimality; all four numbers are 0 up to rounding for what `assign` returns. */
export interface Certificate {
  /** Largest u_i + v_j − c_ij over all pairs, or 0: violation of dual feasibility. */
  readonly infeasibility: number;
  /** Largest |c_ij − u_i − v_j| over matched pairs: violation of complementary slackness. */
  readonly slackness: number;
  /** Largest |dual| of a line left over, and largest positive dual on the longer side. */
  readonly leftover: number;
  /** Cost minus Σu + Σv: the assignment is within this of the optimum whenever the other three are 0. */
  readonly gap: number;
}

/** Checks an assignment against its costs, in one pass over the matrix. Throws ConfigError if it is no assignment at all. */
export function certify(costs: Costs, { columnOf, rowOf, cost, rowDual, columnDual }: Assignment): Certificate {
  const { rows, columns, data } = costs;
  let [infeasibility, slackness, leftover, matched, dual] = [0, 0, 0, 0, 0];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++)
      infeasibility = Math.max(infeasibility, rowDual[i] + columnDual[j] - data[i * columns + j]);
    const j = columnOf[i];
    dual += rowDual[i];
    if (rows > columns) leftover = Math.max(leftover, j === none ? Math.abs(rowDual[i]) : rowDual[i]);
    if (j === none) continue;
    matched++;
    if (rowOf[j] !== i) throw new ConfigError(`certify: row ${i} has column ${j}, which has row ${rowOf[j]}.`);
    slackness = Math.max(slackness, Math.abs(data[i * columns + j] - rowDual[i] - columnDual[j]));
  }
  if (matched !== Math.min(rows, columns))
    throw new ConfigError(`certify: ${matched} pairs (expected ${Math.min(rows, columns)}).`);
  for (let j = 0; j < columns; j++) {
    dual += columnDual[j];
    if (columns > rows) leftover = Math.max(leftover, rowOf[j] === none ? Math.abs(columnDual[j]) : columnDual[j]);
  }
  return { infeasibility, slackness, leftover, gap: cost - dual };
}

/** Mean and least of each row's finite costs; 0 where there is none. */
interface RowLevels {
  readonly mean: Float64Array;
  readonly least: Float64Array;
}

/** Throws ConfigError if a cost is NaN or −Infinity. */
function rowLevels({ rows, columns, data }: Costs): RowLevels {
  const mean = new Float64Array(rows);
  const least = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    const start = i * columns;
    let sum = 0;
    let smallest = Number.POSITIVE_INFINITY;
    for (let k = start; k < start + columns; k++) {
      const c = data[k];
      sum += c;
      if (c < smallest) smallest = c;
    }
    mean[i] = Number.isFinite(sum) ? sum / columns : finiteMean(data, start, columns);
    least[i] = Number.isFinite(smallest) ? smallest : 0;
  }
  return { mean, least };
}

/** The mean of a row that has infinite costs; 0 if it has no other. */
function finiteMean(data: Costs["data"], start: number, columns: number): number {
  let sum = 0;
  let count = 0;
  for (let j = 0; j < columns; j++) {
    const c = data[start + j];
    if (!(c > Number.NEGATIVE_INFINITY))
      throw new ConfigError(
        `assign: cost of row ${start / columns}, column ${j}: ${c} (expected a number, or Infinity for a forbidden pair).`,
      );
    if (c === Number.POSITIVE_INFINITY) continue;
    sum += c;
    count++;
  }
  return count > 0 ? sum / count : 0;
}

const infeasible = ({ rows, columns }: Pick<Costs, "rows" | "columns">) =>
  new ConfigError(
    `assign: no complete assignment of ${Math.min(rows, columns)} pairs exists: too many pairs are forbidden. Give some of them a finite cost.`,
  );
