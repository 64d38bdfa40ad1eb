/**
 * Scopes: where a network's parameters get their names. A network is a function of a scope and nodes; the path of a
 * parameter is its key in checkpoints, its place in error messages and its branch of the tree people look at.
 */
import { ConfigError, GraphError } from "../errors/index.ts";
import { dropout, type Expr, input, type Shape } from "../graph/index.ts";
import type { Init } from "./init.ts";

/** An array that is trained. */
export interface Parameter {
  readonly path: string;
  readonly shape: Shape;
  readonly init: Init;
  /** The input node of this name and shape. */
  readonly node: Expr<"input">;
}

/** An input that wants fresh numbers, uniform in [0, 1), at every run. */
export interface NoiseInput {
  readonly name: string;
  readonly shape: Shape;
  readonly node: Expr<"input">;
}

export interface ScopeOptions {
  /** Whether dropout is on; default false. */
  readonly training?: boolean;
  /**
   * What one draw of dropout decides on: an element, as in the papers (default), or a whole channel of an example, which
   * needs H·W times fewer random numbers.
   */
  readonly dropoutPer?: "element" | "channel";
}

export interface Scope {
  /** Names from the root, joined by "/"; empty at the root. */
  readonly path: string;
  readonly training: boolean;
  /** All parameters under the root, in the order they were made. */
  readonly parameters: readonly Parameter[];
  /** All inputs that dropout wants uniform numbers for. */
  readonly noises: readonly NoiseInput[];
  /** The scope of a part. */
  at(name: string): Scope;
  /** Makes a parameter. Throws GraphError if the path has one. */
  param(name: string, shape: Shape, init: Init): Expr;
  /**
   * In training, x with each element set to 0 with probability `rate` and the others multiplied by 1 / (1 − rate);
   * otherwise x. The draws are an input named after the path, recorded in {@link noises}.
   */
  dropout(x: Expr, rate: number): Expr;
}

/** A new, empty root scope. */
export function createScope({ training = false, dropoutPer = "element" }: ScopeOptions = {}): Scope {
  const parameters: Parameter[] = [];
  const noises: NoiseInput[] = [];
  const taken = new Set<string>();
  const fresh = (path: string, shape: Shape) => {
    if (taken.has(path)) throw new GraphError(`scope: "${path}" exists already; give each part its own name.`);
    taken.add(path);
    return input(path, shape);
  };

  const scopeAt = (path: string): Scope => {
    const join = (name: string) => (path === "" ? name : `${path}/${name}`);
    return {
      path,
      training,
      parameters,
      noises,
      at: (name) => scopeAt(join(name)),
      param(name, shape, init) {
        const node = fresh(join(name), shape);
        parameters.push({ path: join(name), shape, init, node });
        return node;
      },
      dropout(x, rate) {
        if (!(rate >= 0 && rate < 1)) throw new ConfigError(`dropout: must be in [0, 1); got ${rate}.`);
        if (!training || rate === 0) return x;
        const shape = dropoutPer === "element" ? x.shape : x.shape.map((size, axis) => (axis < 2 ? size : 1));
        const node = fresh(join("dropout"), shape);
        noises.push({ name: join("dropout"), shape, node });
        return dropout(x, node, rate);
      },
    };
  };
  return scopeAt("");
}
