/** Where to cut a forward pass so that little has to be kept between its parts. */
import { bytesOf, owner } from "./cost.ts";
import type { Expr } from "./expr.ts";

/** A value of the forward pass that takes memory of its own, in the order of the pass. */
interface Value {
  readonly node: Expr;
  readonly bytes: number;
  /** Place of the last value that is computed from it; infinite if it leaves the pass. */
  last: number;
  /** Whether gradients are computed from it. */
  readonly wanted: boolean;
}

/** A pass in parts. Values are named by the nodes whose memory they are. */
export interface Segments {
  readonly count: number;
  /** The part that each value belongs to. */
  readonly of: ReadonlyMap<Expr, number>;
  /** Values that stay: later parts read them, or they are small. */
  readonly kept: ReadonlySet<Expr>;
  /** Values that are not small. */
  readonly large: ReadonlySet<Expr>;
}

/** Values so much smaller than the largest one are not worth a second computation. */
const small = 1 / 64;

/** A value that is made again counts little beside one that is kept: this much for each byte. */
const recomputed = 1e-3;

/**
 * Ways to cut the pass of `nodes`, which is in order, into segments: of all cuts into pieces of up to a given number of
 * bytes that gradients want, each is the one that keeps least from a segment to a later one, by dynamic programming. A
 * residual network comes apart between its blocks. `read` are the nodes that gradients read, `results` leave the pass.
 */
export function segmentations(
  nodes: readonly Expr[],
  read: ReadonlySet<Expr>,
  results: readonly Expr[],
): readonly Segments[] {
  const wanted = new Set([...read].map((x) => owner(x)));
  const place = new Map<Expr, number>();
  const values: Value[] = [];
  for (const node of nodes) {
    if (owner(node) !== node) continue;
    place.set(node, values.length);
    values.push({ node, bytes: node.op === "input" ? 0 : bytesOf(node), last: -1, wanted: wanted.has(node) });
  }
  for (const [at, { node }] of values.entries())
    for (const x of node.inputs) {
      const from = place.get(owner(x));
      if (from !== undefined) values[from].last = at;
    }
  for (const y of results) {
    const from = place.get(owner(y));
    if (from !== undefined) values[from].last = Infinity;
  }
  const least = small * values.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  const large = values.map((value) => (value.bytes > least ? value : { ...value, bytes: 0 }));
  const total = large.reduce((sum, value) => sum + (value.wanted ? value.bytes : 0), 0);
  const found = new Map<string, Segments>();
  for (const parts of [2, 3, 4, 6, 8, 12, 16, 24, 32]) {
    const ends = cuts(large, total / parts);
    if (!found.has(ends.join())) found.set(ends.join(), segmentsOf(large, ends));
  }
  return [...found.values()];
}

/** The ends of the segments, of at most `budget` bytes each where a single value has not more, that keep least. */
function cuts(values: readonly Value[], budget: number): number[] {
  const cost = [0];
  const from = [0];
  for (let end = 1; end <= values.length; end++) {
    cost[end] = Infinity;
    let [kept, load] = [0, 0];
    for (let start = end - 1; start >= 0; start--) {
      const { bytes, last, wanted } = values[start];
      if (last >= end) kept += bytes;
      else if (wanted) load += bytes;
      if (load > budget && start < end - 1) break;
      const sum = cost[start] + kept + recomputed * load;
      if (sum < cost[end]) [cost[end], from[end]] = [sum, start];
    }
  }
  const ends: number[] = [];
  for (let end = values.length; end > 0; end = from[end]) ends.unshift(end);
  return ends;
}

function segmentsOf(values: readonly Value[], ends: readonly number[]): Segments {
  const of = new Map<Expr, number>();
  const kept = new Set<Expr>();
  const large = new Set<Expr>();
  let segment = 0;
  for (const [at, { node, bytes, last }] of values.entries()) {
    if (at === ends[segment]) segment++;
    of.set(node, segment);
    if (bytes > 0) large.add(node);
    // The last segment's gradients are taken at once.
    if (bytes === 0 || last >= ends[segment] || segment === ends.length - 1) kept.add(node);
  }
  return { count: ends.length, of, kept, large };
}
