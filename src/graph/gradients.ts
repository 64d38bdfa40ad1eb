/** Reverse-mode differentiation of a graph, as new graph nodes. */
import { GraphError } from "../errors/index.ts";
import { constant, type Expr, lift, topological } from "./expr.ts";
import { type Shape, sameShape, showShape } from "./shape.ts";
import { pullback } from "./vjp.ts";

/**
 * The vector–Jacobian product dyᵀ · ∂y/∂target for each of `targets`; with `dy` left out, y is a single number and the
 * result its gradient. Targets may be parameters, inputs or inner nodes; one that y does not depend on has gradient 0.
 */
export function gradients(y: Expr, targets: readonly Expr[], dy?: Expr): Expr[] {
  if (!dy && y.shape.some((size) => size !== 1))
    throw new GraphError(`gradients: y must be a single number unless dy is given; got ${showShape(y.shape)}.`);
  if (dy && !sameShape(dy.shape, y.shape))
    throw new GraphError(`gradients: dy ${showShape(dy.shape)} must have the shape of y ${showShape(y.shape)}.`);

  const order = topological([y]);
  const leads = new Set<Expr>(targets);
  for (const node of order) if (node.inputs.some((x) => leads.has(x))) leads.add(node);

  const grads = new Map<Expr, Expr>([[y, dy ?? constant([1], []).reshape(y.shape)]]);
  for (const node of order.reverse()) {
    const grad = grads.get(node);
    if (!grad || !leads.has(node) || node.inputs.length === 0) continue;
    for (const [i, dx] of pullback(node, grad).entries()) {
      const x = node.inputs[i];
      if (!dx || !leads.has(x)) continue;
      const seen = grads.get(x);
      const summed = unbroadcast(dx, x.shape);
      grads.set(x, seen ? seen.add(summed) : summed);
    }
  }
  return targets.map((x) => grads.get(x)?.expand(x.shape) ?? lift(0).expand(x.shape));
}

/** Sums `dx` over the axes along which an input of `shape` was broadcast. */
function unbroadcast(dx: Expr, shape: Shape): Expr {
  const lead = dx.shape.length - shape.length;
  const axes = dx.shape.flatMap((size, i) => (i < lead || (shape[i - lead] === 1 && size !== 1) ? [i] : []));
  return axes.length === 0 ? dx : dx.sum(axes).reshape(shape);
}
