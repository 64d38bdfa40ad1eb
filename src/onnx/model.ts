/** From a graph to the bytes of an ONNX model. */
import { GraphError } from "../errors/index.ts";
import { type ConvAttrs, type Expr, type OpAttrs, type OpName, sameShape, schedule, simplify } from "../graph/index.ts";
import { blockedConv, blockedInputGrad, type Extras, fitsBlocked } from "./blocked.ts";
import { Emit, type EmitOptions, type Value } from "./emit.ts";
import { type Held, Layouts } from "./layouts.ts";
import { lower } from "./lower.ts";
import { lowerBlocked } from "./lower-blocked.ts";

export interface ModelOptions extends EmitOptions {
  /** Entries stored in the file. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The name of an output that comes before the others: a sequence of no arrays. None if left out. */
  readonly emptySequence?: string;
  /** Outputs of which only the numbers in their order matter: they may have another shape. */
  readonly loose?: readonly string[];
  readonly loop?: Loop;
}

/**
 * Makes the graph one turn of a loop: the inputs named in `over`, and all outputs, have a first axis of `times`, and every
 * turn has a slice of each. All float32.
 */
export interface Loop {
  readonly times: number;
  readonly over: readonly string[];
}

/**
 * The model that computes the named outputs from the graph's inputs. The graph is simplified first. ONNX Runtime follows
 * the order of the nodes as far as their inputs leave a choice. Where values wait for others, memory is meant to be saved.
 */
export function toOnnx(
  outputs: Readonly<Record<string, Expr>>,
  { metadata = {}, block = 0, emptySequence, loose = [], loop, ...provider }: ModelOptions = {},
): Uint8Array<ArrayBuffer> {
  const names = Object.keys(outputs);
  const roots = simplify(Object.values(outputs));
  const order = schedule(roots);
  // The blocked layout is float32's alone.
  const emit = new Emit({ ...provider, block: order.some(({ dtype }) => dtype === "float16") ? 0 : block });
  for (const [i, root] of roots.entries())
    if (root.dtype === "float16")
      throw new GraphError(`toOnnx: output "${names[i]}" is float16 (float32 expected). Cast it to float32.`);
  const taken = new Set<string>(names);
  for (const { attrs } of order.filter(isInput)) {
    if (taken.has(attrs.name))
      throw new GraphError(`toOnnx: two inputs or outputs are named "${attrs.name}" (names must differ).`);
    taken.add(attrs.name);
  }
  const isLoose = roots.map((_, i) => loose.includes(names[i]));
  const made = loop ? lowerLoop(emit, order, roots, loop) : lowerAll(emit, order, roots, { isLoose });
  if (emptySequence !== undefined) emit.emptySequence(emptySequence);
  for (const [i, { name, shape }] of made.entries()) emit.output(names[i], name, shape, roots[i].dtype);
  return emit.finish(
    metadata,
    order.some(({ op }) => op === "after"),
  );
}

interface LowerOptions {
  /** Values that inputs have already, by the inputs' names. */
  readonly known?: ReadonlyMap<string, string>;
  readonly isLoose?: readonly boolean[];
}

/** Emits every node, and gives the values of the roots. */
function lowerAll(
  emit: Emit,
  order: readonly Expr[],
  roots: readonly Expr[],
  { known = new Map(), isLoose = [] }: LowerOptions,
): readonly Value[] {
  const layouts = new Layouts(emit);
  const fused = fuseSums(layouts, order, roots);
  const absorbed = new Set<Expr>([...fused.values()].flatMap(({ absorbs }) => absorbs));
  for (const node of order) {
    if (absorbed.has(node)) continue;
    const given = isInput(node) ? known.get(node.attrs.name) : undefined;
    const sum = fused.get(node);
    layouts.hold(
      node,
      given !== undefined ? { plain: given } : sum ? lowerSum(layouts, sum) : lowerNode(layouts, node),
    );
  }
  return roots.map((root, i) => (isLoose[i] ? layouts.loose(root) : { name: layouts.plain(root), shape: root.shape }));
}

function lowerLoop(emit: Emit, order: readonly Expr[], roots: readonly Expr[], { times, over }: Loop) {
  const inputs = order.filter(isInput).filter(({ attrs }) => over.includes(attrs.name));
  const stacked = inputs.map(({ attrs: { name, shape, dtype } }) => {
    const all = [times, ...shape];
    return { name: emit.input(name, all, dtype), shape: all };
  });
  const made = emit.scan(stacked, (slices) => {
    const known = new Map(inputs.map(({ attrs }, i) => [attrs.name, slices[i]]));
    return lowerAll(emit, order, roots, { known });
  });
  return roots.map(({ shape }, i) => ({ name: made[i], shape: [times, ...shape] }));
}

function isInput(node: Expr): node is Expr<"input"> & Expr {
  return node.op === "input";
}

function lowerNode<K extends OpName>(layouts: Layouts, node: Expr<K>): Held {
  const { op, attrs, inputs } = node;
  const blocked = layouts.emit.block > 0 && lowerBlocked[op]?.(layouts, node as Expr, attrs, inputs);
  if (blocked) return blocked;
  const xs = inputs.map((x) => layouts.plain(x));
  return { plain: lower[op](layouts.emit, xs, attrs, node as Expr, inputs) };
}

/** A convolution whose only use is a sum that it can do itself. */
interface FusedSum extends Extras {
  readonly conv: Expr;
  /** Nodes that are not computed on their own. */
  readonly absorbs: readonly Expr[];
}

/** Sums of a convolution with one number a channel and, where the blocked layout fits, with another image. */
function fuseSums(layouts: Layouts, order: readonly Expr[], roots: readonly Expr[]): Map<Expr, FusedSum> {
  const uses = new Map<Expr, number>();
  for (const node of [...order.flatMap(({ inputs }) => inputs), ...roots]) uses.set(node, (uses.get(node) ?? 0) + 1);
  const found = new Map<Expr, FusedSum>();
  for (const node of order) {
    if (node.op !== "add") continue;
    for (const [first, other] of [node.inputs, [...node.inputs].reverse()]) {
      if (uses.get(first) !== 1 || found.has(node) || !sameShape(first.shape, node.shape)) continue;
      const known = found.get(first) ?? (isConv(first) ? { conv: first, absorbs: [] } : undefined);
      if (!known || known.plus) continue;
      const { conv } = known;
      const absorbs = [...known.absorbs, first];
      if (conv.op === "conv2d" && !known.bias && sameShape(other.shape, [1, conv.shape[1], 1, 1]))
        found.set(node, { ...known, bias: other, absorbs });
      else if (sameShape(other.shape, node.shape) && layouts.fits(conv) && fitsBlocked(layouts, conv))
        found.set(node, { ...known, plus: other, absorbs });
    }
  }
  // A sum that another one took in is computed there.
  for (const { absorbs } of [...found.values()]) for (const node of absorbs) found.delete(node);
  return found;
}

const isConv = ({ op }: Expr) => op === "conv2d" || op === "conv2dInputGrad";

function lowerSum(layouts: Layouts, { conv, bias, plus }: FusedSum): Held {
  const extras = { ...(bias && { bias }), ...(plus && { plus }) };
  const lowerWith = conv.op === "conv2d" ? blockedConv : blockedInputGrad;
  const blocked = lowerWith(layouts, conv, conv.attrs as ConvAttrs, conv.inputs, extras);
  if (blocked) return blocked;
  const { emit } = layouts;
  const xs = [...conv.inputs, bias!].map((x) => layouts.plain(x));
  xs[2] = layouts.view(xs[2], [conv.shape[1]]);
  return { plain: lower.conv2d(emit, xs, conv.attrs as OpAttrs["conv2d"], conv, conv.inputs) };
}
