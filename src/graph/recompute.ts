/**
 * Less memory for more work: the forward pass is cut into segments, and of each only what later ones read is kept. The
 * rest is computed a second time when the backward pass comes to the segment (Chen et al. 2016, "Training deep nets with
 * sublinear memory cost").
 */
import { cost, owner } from "./cost.ts";
import { Expr, topological } from "./expr.ts";
import { type Segments, segmentations } from "./segments.ts";
import { simplify } from "./simplify.ts";

/** How much more memory than the least is taken if that spares work. */
const near = 1.03;

/**
 * The same outputs, of which the first `results` make the forward pass and the rest gradients, with less kept from the one
 * to the other: all values stay the same to the last bit. What depends on `parameters` alone is not computed again. The
 * segmentation is the one of which {@link cost} predicts the lowest peak; where none lowers it, nothing changes.
 */
export function recompute(outputs: readonly Expr[], results: number, parameters: readonly Expr[]): Expr[] {
  const roots = simplify(outputs);
  const passes = passesOf(roots, results, parameters);
  const found = segmentations([...passes.moving], passes.read, roots.slice(0, results));
  const ways = [roots, ...found.map((segments) => rebuild(roots, passes, segments))];
  const costs = ways.map((way) => ({ way, ...cost(way) }));
  const least = Math.min(...costs.map(({ peakBytes }) => peakBytes));
  const good = costs.filter(({ peakBytes }) => peakBytes <= near * least);
  return good.reduce((best, next) => (next.flops < best.flops ? next : best)).way;
}

/** The nodes of both passes, inputs before users. */
interface Passes {
  readonly early: ReadonlySet<Expr>;
  readonly late: readonly Expr[];
  /** What changes from batch to batch in the forward pass. */
  readonly moving: ReadonlySet<Expr>;
  /** The nodes of the forward pass that gradients read. */
  readonly read: ReadonlySet<Expr>;
}

function passesOf(roots: readonly Expr[], results: number, parameters: readonly Expr[]): Passes {
  const forward = topological(roots.slice(0, results));
  const early = new Set(forward);
  const late = topological(roots).filter((node) => !early.has(node));
  const fixed = new Set<Expr>(parameters);
  for (const node of forward) if (node.op !== "input" && node.inputs.every((x) => fixed.has(x))) fixed.add(node);
  const read = late.flatMap(({ inputs }) => inputs.filter((x) => early.has(x)));
  return { early, late, moving: new Set(forward.filter((x) => !fixed.has(x))), read: new Set(read) };
}

function rebuild(roots: readonly Expr[], passes: Passes, segments: Segments): Expr[] {
  const { early, late, moving } = passes;
  const levels = findLevels(passes, segments);
  const again = whatToRepeat(passes, segments);
  const triggers = findTriggers(passes, levels, again);
  const rebuilt = new Map<Expr, Expr>();
  const groups: Expr[][] = Array.from({ length: segments.count + 1 }, () => []);
  for (const node of late) groups[levels.get(node)!].push(node);
  for (let segment = segments.count; segment >= 0; segment--) {
    const entering = triggers[segment].map((x) => rebuilt.get(x)!);
    const waits = entering.length > 0;
    const copies = new Map<Expr, Expr>();
    const copyOf = (x: Expr): Expr => {
      let copy = copies.get(x);
      if (!copy && waits && moving.has(x) && segments.large.has(owner(x))) copies.set(x, (copy = x.after(...entering)));
      return copy ?? x;
    };
    for (const node of waits ? again[segment] : []) {
      const inputs = node.inputs.map(copyOf);
      // Something must tell it from the first computation.
      const at = inputs.every((x, i) => x === node.inputs[i]) ? inputs.findIndex((x) => moving.has(x)) : -1;
      if (at >= 0) inputs[at] = inputs[at].after(...entering);
      copies.set(node, new Expr(node.op, node.attrs, inputs));
    }
    for (const node of groups[segment]) {
      const inputs = node.inputs.map((x) => (early.has(x) ? copyOf(x) : rebuilt.get(x)!));
      rebuilt.set(node, inputs.every((x, i) => x === node.inputs[i]) ? node : new Expr(node.op, node.attrs, inputs));
    }
  }
  return roots.map((y) => rebuilt.get(y) ?? y);
}

/** Whether a value of the forward pass is still there in the backward pass. */
function isKept(x: Expr, { of, kept }: Segments): boolean {
  const value = owner(x);
  return !of.has(value) || kept.has(value);
}

/** The lowest segment that each node of the backward pass waits for; as many as there are, if for none. */
function findLevels({ early, late }: Passes, segments: Segments): Map<Expr, number> {
  const { count, of } = segments;
  const levels = new Map<Expr, number>();
  const levelOf = (x: Expr) => (early.has(x) ? (isKept(x, segments) ? count : of.get(owner(x))!) : levels.get(x)!);
  const loose = new Set<Expr>();
  for (const node of late) {
    levels.set(node, Math.min(count, ...node.inputs.map(levelOf)));
    if (levels.get(node) === count && node.inputs.every((x) => early.has(x) || loose.has(x))) loose.add(node);
  }
  // What is made of kept values alone, such as the slope of a function, waits for those who use it.
  const home = new Map<Expr, number>();
  for (const node of [...late].reverse()) {
    if (loose.has(node)) levels.set(node, home.get(node) ?? count);
    for (const x of node.inputs) if (loose.has(x)) home.set(x, Math.max(home.get(x) ?? 0, levels.get(node)!));
  }
  return levels;
}

/**
 * For each segment that is repeated, what has to be there first: the gradients that enter it from later ones, and all others
 * that are made of those, so that nothing of theirs needs to be kept any longer.
 */
function findTriggers(
  { late }: Passes,
  levels: ReadonlyMap<Expr, number>,
  again: readonly (readonly Expr[])[],
): readonly (readonly Expr[])[] {
  const triggers = again.map(() => new Set<Expr>());
  for (const node of late)
    for (const x of node.inputs) {
      const level = levels.get(x);
      if (level === undefined || level <= levels.get(node)! || x.inputs.length === 0 || x.dtype !== "float32") continue;
      let segment = level - 1;
      while (segment >= 0 && again[segment].length === 0) segment--;
      if (segment >= 0) triggers[segment].add(x);
    }
  return triggers.map((found) => [...found]);
}

/** The nodes of each segment that gradients want and that are not kept, with those that they are made of. */
function whatToRepeat({ moving, read }: Passes, segments: Segments): readonly (readonly Expr[])[] {
  const wanted = new Set(read);
  const again: Expr[][] = Array.from({ length: segments.count + 1 }, () => []);
  for (const node of [...moving].reverse()) {
    if (!wanted.has(node) || isKept(node, segments)) continue;
    again[segments.of.get(owner(node))!].unshift(node);
    for (const x of node.inputs) wanted.add(x);
  }
  return again;
}
