/** Sums over the positions of images in the blocked layout: vectors [B·C] with a number for each channel of each example. */
import type { Expr, Shape } from "../graph/index.ts";
import type { Layouts, Term } from "./layouts.ts";

/** a ⊙ b for vectors of which either may be missing, and is then 1. */
export const product = ({ emit }: Layouts, a: string | undefined, b: string | undefined) =>
  a === undefined ? b : b === undefined ? a : emit.node("Mul", [a, b]);

/** a + b for vectors of which either may be missing, and is then 0. */
export const total = ({ emit }: Layouts, a: string | undefined, b: string | undefined) =>
  a === undefined ? b : b === undefined ? a : emit.node("Add", [a, b]);

/** A vector [B·C] of one value. */
export const filledRows = ({ emit }: Layouts, [b, c]: Shape, value: number) => emit.filled(value, [b * c]);

/** The value as one scaled and shifted image. */
export function single(layouts: Layouts, x: Expr): Term & { readonly shift?: string } {
  const { terms, shift } = layouts.sum(x);
  if (terms.length > 1) return { base: layouts.blocked(x) };
  return { ...terms[0], ...(shift !== undefined && { shift }) };
}

const meansKey = (image: string) => `row means ${image}`;
const dotsKey = (a: string, b: string) => `row dots ${[a, b].sort().join()}`;

/** The mean over the positions of every channel of every example of a computed image, [B·C]. */
export function imageMeans(layouts: Layouts, image: string, [b, c, h, w]: Shape): string {
  return layouts.emit.once(meansKey(image), () => [
    layouts.view(layouts.node("GlobalAveragePool", [layouts.view(image, [1, b * c, h, w])]), [b * c]),
  ])[0];
}

function imageSums(layouts: Layouts, image: string, shape: Shape): string {
  const { emit } = layouts;
  return emit.once(`row sums ${image}`, () => [
    emit.node("Mul", [imageMeans(layouts, image, shape), emit.floats([shape[2] * shape[3]], [])]),
  ])[0];
}

/** Σ a · b over the positions of every channel of computed images, [B·C]: a depthwise convolution of a with filters b. */
export function imageDots(layouts: Layouts, a: string, b: string, [batch, c, h, w]: Shape): string {
  const rows = batch * c;
  return layouts.emit.once(dotsKey(a, b), () => {
    const attributes = { kernel_shape: [h, w], strides: [1, 1], pads: [0, 0, 0, 0], group: rows };
    const operands = [layouts.view(a, [1, rows, h, w]), layouts.view(b, [rows, 1, h, w])];
    return [layouts.view(layouts.node("Conv", operands, attributes), [rows])];
  })[0];
}

/** Makes sums known that were computed elsewhere: the means of an image `a`, and the dots of `a` and `b`. */
export function knowSums({ emit }: Layouts, a: string, means: string, b: string, dots: string): void {
  emit.once(meansKey(a), () => [means]);
  emit.once(dotsKey(a, b), () => [dots]);
}

/** The sum over the positions of every channel of every example, [B·C]. */
export function rowSums(layouts: Layouts, x: Expr): string {
  const { emit } = layouts;
  const { base, scale, shift } = single(layouts, x);
  const shifts = shift && emit.node("Mul", [shift, emit.floats([x.shape[2] * x.shape[3]], [])]);
  return total(layouts, product(layouts, scale, imageSums(layouts, base, x.shape)), shifts)!;
}

/** Σ x · y over the positions of every channel of every example, [B·C]; with shifts, Σ (a + s) (b + t) = Σ a b + s Σ (b + t) + t Σ a. */
export function rowDots(layouts: Layouts, x: Expr, y: Expr): string {
  const [a, b] = [single(layouts, x), single(layouts, y)];
  const times = (p: string | undefined, sums: () => string) => p && layouts.emit.node("Mul", [p, sums()]);
  const dots = product(layouts, product(layouts, a.scale, b.scale), imageDots(layouts, a.base, b.base, x.shape));
  const first = times(a.shift, () => rowSums(layouts, y));
  const second = times(b.shift, () => product(layouts, a.scale, imageSums(layouts, a.base, x.shape))!);
  return total(layouts, total(layouts, dots, first), second)!;
}
