/** Whether an optimal assignment is the only one: decided from its duals, without solving again. */
import type { Assignment } from "./assignment.ts";
import type { Costs } from "./costs.ts";

/**
 * True if no other assignment has the same cost. Another optimum exists exactly if pairs whose reduced cost is 0 close an
 * alternating cycle, where a column left over, and any column whose dual is 0, can end and start the path. Ties within
 * `tolerance` of the largest cost count; default 1e-12, a little above rounding.
 */
export function isUnique(costs: Costs, assignment: Assignment, tolerance = 1e-12): boolean {
  const { rows, columns, data } = costs;
  if (rows > columns) {
    const { columnOf, rowOf, cost, rowDual, columnDual } = assignment;
    const turned = { columnOf: rowOf, rowOf: columnOf, cost, rowDual: columnDual, columnDual: rowDual };
    const transposed = Float64Array.from(data, (_, k) => data[(k % rows) * columns + Math.floor(k / rows)]);
    return isUnique({ rows: columns, columns: rows, data: transposed }, turned, tolerance);
  }
  const { columnOf, rowOf, rowDual, columnDual } = assignment;
  let largest = 0;
  for (const c of data) if (Math.abs(c) > largest && Math.abs(c) < Number.POSITIVE_INFINITY) largest = Math.abs(c);
  const tie = tolerance * largest;
  const outside = rows; // one more node: all columns left over
  const leaves = (i: number, j: number) =>
    j !== columnOf[i] && data[i * columns + j] - rowDual[i] - columnDual[j] <= tie;
  /** The node reached from `node` through step k, −1 if there is no such tie. */
  const step = (node: number, k: number): number => {
    if (node === outside) return k < rows && columnDual[columnOf[k]] >= -tie ? k : -1;
    if (!leaves(node, k)) return -1;
    return rowOf[k] < 0 ? outside : rowOf[k];
  };

  // Depth-first search for a cycle: 1 is on the path, 2 is done.
  const state = new Uint8Array(rows + 1);
  const next = new Int32Array(rows + 1);
  for (let root = 0; root < rows; root++) {
    const path = state[root] === 0 ? [root] : [];
    state[root] ||= 1;
    while (path.length > 0) {
      const node = path[path.length - 1];
      if (next[node] >= columns) {
        state[node] = 2;
        path.pop();
        continue;
      }
      const to = step(node, next[node]++);
      if (to < 0 || state[to] === 2) continue;
      if (state[to] === 1) return false;
      state[to] = 1;
      path.push(to);
    }
  }
  return true;
}
