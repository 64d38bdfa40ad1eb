/**
 * Where each value of a graph lies while the graph is lowered. An image [B, C, H, W] may be held in the plain layout, in
 * the processor's blocked one ([B, C/n, H, W, n] for blocks of n channels), or as a sum that nobody has computed yet; it
 * is converted when an op asks for another form, and once. Blocked ops are emitted in ONNX Runtime's domain for them.
 */
import { type Expr, type Shape, sizeOf } from "../graph/index.ts";
import type { AttributeValue, Emit, Value } from "./emit.ts";

const domain = "com.microsoft.nchwc";

/** A blocked image, times one number for each channel of each example (a vector [B·C]) if `scale` is given. */
export interface Term {
  readonly base: string;
  readonly scale?: string;
}

/** Σ scale ⊙ base, plus one number for each channel of each example. */
export interface Sum {
  readonly terms: readonly Term[];
  readonly shift?: string;
}

/** The forms that a value has; one at least. */
export interface Held {
  plain?: string;
  blocked?: string;
  sum?: Sum;
  /** The numbers of the plain layout, in their order, in an array of another shape. */
  loose?: Value;
}

export class Layouts {
  readonly emit: Emit;
  readonly #held = new Map<Expr, Held>();

  constructor(emit: Emit) {
    this.emit = emit;
  }

  /** Whether a value of this shape has a blocked layout. */
  fits({ shape, dtype }: Expr): boolean {
    const { block } = this.emit;
    return block > 0 && dtype === "float32" && shape.length === 4 && shape[1] % block === 0 && shape[2] * shape[3] > 1;
  }

  hold(x: Expr, held: Held): void {
    this.#held.set(x, held);
  }

  /** Whether the value exists, but not in the plain layout. */
  isBlocked(x: Expr): boolean {
    return this.#held.get(x)!.plain === undefined;
  }

  /** The value as a sum; of a computed image, the image itself. */
  sum(x: Expr): Sum {
    const held = this.#held.get(x)!;
    return held.sum ?? { terms: [{ base: this.blocked(x) }] };
  }

  /** Whether the value is a sum that has not been computed. */
  isPending(x: Expr): boolean {
    const { plain, blocked, sum } = this.#held.get(x)!;
    return plain === undefined && blocked === undefined && sum !== undefined;
  }

  /** A form of the value that is computed, the blocked one if there is a choice. */
  either(x: Expr): { readonly plain: string } | { readonly blocked: string } {
    const { plain, blocked } = this.#held.get(x)!;
    return plain !== undefined && blocked === undefined ? { plain } : { blocked: this.blocked(x) };
  }

  /** The numbers of the plain layout in their order, in whatever shape takes least. */
  loose(x: Expr): Value {
    return this.#held.get(x)!.loose ?? { name: this.plain(x), shape: x.shape };
  }

  /** Name of the value in the plain layout. */
  plain(x: Expr): string {
    const held = this.#held.get(x)!;
    held.plain ??= this.emit.node("ReorderOutput", [this.blocked(x)], { channels: x.shape[1] }, domain);
    return held.plain;
  }

  /** Name of the value in the blocked layout. */
  blocked(x: Expr): string {
    const held = this.#held.get(x)!;
    held.blocked ??= held.sum ? this.#add(held.sum, x.shape) : this.node("ReorderInput", [held.plain!]);
    return held.blocked;
  }

  /** Appends a node of the blocked domain. */
  node(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}): string {
    return this.emit.node(opType, inputs, attributes, domain);
  }

  /** Another view of the same memory. */
  view(x: string, shape: Shape): string {
    return this.emit.once(`view ${x} ${shape}`, () => [this.emit.node("Reshape", [x, this.emit.ints(shape)])])[0];
  }

  /**
   * A depthwise convolution, in which every channel of every example is a channel of its own: 1×1 filters scale, and add
   * the shift and what is in `plus`, in one pass.
   */
  depthwise(
    base: string,
    [b, c, h, w]: Shape,
    { scale, shift, plus, activation }: { scale?: string; shift?: string; plus?: string; activation?: string },
  ): string {
    const rows = b * c;
    const all = [1, rows, h, w];
    const filter = scale === undefined ? this.emit.filled(1, [rows, 1, 1, 1]) : this.view(scale, [rows, 1, 1, 1]);
    const inputs = [this.view(base, all), filter, shift ?? "", plus === undefined ? "" : this.view(plus, all)];
    while (inputs.at(-1) === "") inputs.pop();
    return this.view(this.#pointwise(inputs, rows, [0, 0, 0, 0], activation), [b, c, h, w]);
  }

  /** A frame of zeros around an image; a depthwise convolution too, since Pad works on one thread. */
  framed(base: string, [b, c, h, w]: Shape, pads: readonly number[]): string {
    const rows = b * c;
    const inputs = [this.view(base, [1, rows, h, w]), this.emit.filled(1, [rows, 1, 1, 1])];
    return this.#pointwise(inputs, rows, pads);
  }

  #pointwise(inputs: readonly string[], rows: number, pads: readonly number[], activation?: string): string {
    return this.node("Conv", inputs, {
      kernel_shape: [1, 1],
      strides: [1, 1],
      pads,
      group: rows,
      ...(activation !== undefined && { activation }),
    });
  }

  #add({ terms, shift }: Sum, shape: Shape): string {
    // Images that nothing scales come first, so that every scaled one is added in the pass that scales it.
    const sorted = [...terms].sort((a, b) => Number(a.scale !== undefined) - Number(b.scale !== undefined));
    const plainStart = sorted[0].scale === undefined && (terms.length > 1 || shift === undefined);
    let total = plainStart ? sorted.shift()!.base : undefined;
    for (const [i, { base, scale }] of sorted.entries()) {
      const last = i === sorted.length - 1 && shift !== undefined;
      if (total !== undefined && scale === undefined && !last) total = this.emit.node("Add", [total, base]);
      else
        total = this.depthwise(base, shape, {
          ...(scale !== undefined && { scale }),
          ...(total !== undefined && { plus: total }),
          ...(last && { shift }),
        });
    }
    return total!;
  }
}

/** Every channel of every example as one number, [B·C], given as [B, C, 1, 1] or [1, C, 1, 1]. */
export function rowVector(layouts: Layouts, rows: Expr, [b, c]: Shape): string {
  const { emit } = layouts;
  const name = layouts.plain(rows);
  const each = sizeOf(rows.shape) === b * c ? name : emit.node("Expand", [name, emit.ints([b, c, 1, 1])]);
  return layouts.view(each, [b * c]);
}
