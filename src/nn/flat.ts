/**
 * All parameters of a network as one vector: what an optimiser updates, an average averages and a checkpoint stores.
 */
import { ConfigError } from "../errors/index.ts";
import { concat, constant, type Expr, gradients, type Shape, sizeOf, substitute } from "../graph/index.ts";
import { stream } from "../random/index.ts";
import { fill } from "./init.ts";
import type { Parameter } from "./scope.ts";

/** Where a parameter lies in the vector. */
export interface Place {
  readonly path: string;
  readonly offset: number;
  readonly shape: Shape;
}

/** How many numbers the parameters hold. */
export const parameterCount = (parameters: readonly Parameter[]): number =>
  parameters.reduce((n, { shape }) => n + sizeOf(shape), 0);

/** The place of each parameter: one after another, in the order they were made. */
export function layout(parameters: readonly Parameter[]): Place[] {
  let next = 0;
  return parameters.map(({ path, shape }) => {
    const offset = next;
    next += sizeOf(shape);
    return { path, offset, shape };
  });
}

/**
 * The vector that training starts from. Each parameter is drawn from a stream of its own, keyed by the seed and its
 * path, so that a new layer leaves the others as they were.
 */
export function initialize(parameters: readonly Parameter[], seed: number): Float32Array {
  const values = new Float32Array(parameterCount(parameters));
  for (const [i, { offset, shape }] of layout(parameters).entries()) {
    const { path, init } = parameters[i];
    fill(init, stream(seed, `init ${path}`), values.subarray(offset, offset + sizeOf(shape)));
  }
  return values;
}

/** The same outputs, with every parameter read from its place in `flat`, a node of shape [count]. */
export function flatten(outputs: readonly Expr[], parameters: readonly Parameter[], flat: Expr): Expr[] {
  const places = layout(parameters);
  return substitute(
    outputs,
    new Map(
      places.map(({ offset, shape }, i) => [
        parameters[i].node as Expr,
        flat.slice(0, offset, offset + sizeOf(shape)).reshape(shape),
      ]),
    ),
  );
}

/**
 * The gradient of `loss` with respect to all parameters, as one vector. Take it first and {@link flatten} it with the
 * loss: differentiating through the slices would add up one vector of full length for every parameter.
 */
export const flatGradient = (loss: Expr, parameters: readonly Parameter[]): Expr =>
  concat(
    gradients(
      loss,
      parameters.map(({ node }) => node),
    ).map((grad) => grad.reshape([-1])),
    0,
  );

/** The same outputs, with every parameter a constant: its part of `values`, which must not change afterwards. */
export function bake(outputs: readonly Expr[], parameters: readonly Parameter[], values: Float32Array): Expr[] {
  const count = parameterCount(parameters);
  if (values.length !== count)
    throw new ConfigError(`bake: got ${values.length} values; the network has ${count} (are they another network's?).`);
  return substitute(
    outputs,
    new Map(
      layout(parameters).map(({ offset, shape }, i) => [
        parameters[i].node as Expr,
        constant(values.subarray(offset, offset + sizeOf(shape)), shape),
      ]),
    ),
  );
}
