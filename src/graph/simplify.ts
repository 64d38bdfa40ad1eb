/** Rewriting a graph into a smaller one with the same values: folding, identities, common subexpressions. */
import { concat, constant, Expr, isFloat, lift, type OpAttrs, type OpName, topological } from "./expr.ts";
import { evaluate } from "./reference.ts";
import { sameShape, sizeOf } from "./shape.ts";

/** Constants larger than this stay computed at run time: folding an `expand` must not bloat the model. */
const largestFolded = 4096;

/**
 * Folds constants, applies identities (x · 1, x + 0, transposes of transposes, …) and merges equal nodes. Nodes that no
 * output needs vanish, since only what outputs reach is rebuilt. Inputs keep their identity.
 */
export function simplify(outputs: readonly Expr[]): Expr[] {
  const rebuilt = new Map<Expr, Expr>();
  const known = new Map<string, Expr>();
  for (const node of topological(outputs)) {
    const inputs = node.inputs.map((x) => rebuilt.get(x)!);
    const moved = inputs.every((x, i) => x === node.inputs[i]) ? node : new Expr(node.op, node.attrs, inputs);
    const better = identity(moved) ?? fold(moved) ?? moved;
    const key = structure(better);
    const same = known.get(key);
    if (!same) known.set(key, better);
    rebuilt.set(node, same ?? better);
  }
  return outputs.map((y) => rebuilt.get(y)!);
}

/** Equal keys mean equal values. */
function structure(node: Expr): string {
  if (isConstant(node)) {
    const { data, shape, dtype } = node.attrs;
    return data.length <= largestFolded ? `constant ${dtype} ${shape} ${data.join()}` : `constant #${node.id}`;
  }
  return `${node.op} ${JSON.stringify(node.attrs)} ${node.inputs.map((x) => x.id).join()}`;
}

function isConstant(node: Expr): node is Expr<"constant"> & Expr {
  return node.op === "constant";
}

/** The number that every element of a constant equals. */
function uniform(node: Expr): number | undefined {
  if (node.op === "expand" || node.op === "reshape") return uniform(node.inputs[0]);
  if (!isConstant(node)) return undefined;
  const { data } = node.attrs;
  return data.every((v) => v === data[0]) ? data[0] : undefined;
}

function fold(node: Expr): Expr | undefined {
  if (node.inputs.length === 0 || !isFloat(node.dtype) || sizeOf(node.shape) > largestFolded) return undefined;
  if (!node.inputs.every((x) => isConstant(x) && sizeOf(x.shape) <= largestFolded)) return undefined;
  return constant(evaluate([node])[0], node.shape, node.dtype);
}

/**
 * a + b, where both are pieces among zeros and b's piece begins where a's ends, as one joined piece. The gradients of
 * the parts of a split add up like this.
 */
function joined(a: Expr, b: Expr): Expr | undefined {
  if (!isPad(a) || !isPad(b) || a.attrs.value !== 0 || b.attrs.value !== 0) return undefined;
  const axes = a.shape.flatMap((_, i) => ([a, b].some(({ attrs }) => attrs.before[i] + attrs.after[i] > 0) ? [i] : []));
  const [axis] = axes;
  const [first, second] = [a.inputs[0], b.inputs[0]];
  if (axes.length !== 1 || !sameShape(a.shape, b.shape)) return undefined;
  if (b.attrs.before[axis] !== a.attrs.before[axis] + first.shape[axis]) return undefined;
  return concat([first, second], axis).pad(a.attrs.before, b.attrs.after);
}

function isPad(node: Expr): node is Expr<"pad"> & Expr {
  return node.op === "pad";
}

type Identity<K extends OpName> = (node: Expr, attrs: OpAttrs[K]) => Expr | undefined;

/** `x` if it already has the node's shape (nothing was broadcast into it). */
const as = (node: Expr, x: Expr) => (sameShape(x.shape, node.shape) ? x : undefined);
const zeros = (node: Expr) => lift(0, node).expand(node.shape);

const identities: { readonly [K in OpName]?: Identity<K> } = {
  add: (y) => {
    const [a, b] = y.inputs;
    return uniform(b) === 0 ? as(y, a) : uniform(a) === 0 ? as(y, b) : (joined(a, b) ?? joined(b, a));
  },
  sub: (y) => {
    const [a, b] = y.inputs;
    return uniform(b) === 0 ? as(y, a) : uniform(a) === 0 ? as(y, b)?.neg() : undefined;
  },
  mul: (y) => {
    const [a, b] = y.inputs;
    if (uniform(a) === 0 || uniform(b) === 0) return zeros(y);
    if (uniform(b) === 1) return as(y, a);
    if (uniform(a) === 1) return as(y, b);
    // (x · c) · d = x · cd for scalars c, d.
    const d = uniform(b);
    if (d !== undefined && a.op === "mul" && sizeOf(b.shape) === 1) {
      const c = uniform(a.inputs[1]);
      if (c !== undefined && sizeOf(a.inputs[1].shape) === 1) {
        const product = a.inputs[0].mul(c * d);
        return as(y, product);
      }
    }
    return undefined;
  },
  div: (y) => (uniform(y.inputs[1]) === 1 ? as(y, y.inputs[0]) : undefined),
  pow: (y) => {
    const [a, b] = y.inputs;
    const exponent = uniform(b);
    if (exponent === 1) return as(y, a);
    return exponent === 2 ? as(y, a.mul(a)) : undefined;
  },
  detach: ({ inputs: [x] }) => x,
  neg: ({ inputs: [x] }) => (x.op === "neg" ? x.inputs[0] : undefined),
  reshape: (y, { shape }) => {
    const [x] = y.inputs;
    if (sameShape(x.shape, shape)) return x;
    return x.op === "reshape" ? x.inputs[0].reshape(shape) : undefined;
  },
  transpose: (y, { perm }) => {
    const [x] = y.inputs;
    if (perm.every((axis, i) => axis === i)) return x;
    if (x.op !== "transpose") return undefined;
    const inner = (x.attrs as OpAttrs["transpose"]).perm;
    return x.inputs[0].transpose(perm.map((axis) => inner[axis]));
  },
  expand: (y, { shape }) => {
    const [x] = y.inputs;
    if (sameShape(x.shape, shape)) return x;
    return x.op === "expand" ? x.inputs[0].expand(shape) : undefined;
  },
  concat: ({ inputs }) => (inputs.length === 1 ? inputs[0] : undefined),
};

function identity<K extends OpName>(node: Expr<K>): Expr | undefined {
  return identities[node.op]?.(node as Expr, node.attrs);
}
