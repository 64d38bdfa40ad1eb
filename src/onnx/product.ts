/** Products of stacks of matrices, of which either may be transposed. */
import type { Emit } from "./emit.ts";

/**
 * a · b over the last two axes; `ranks` are the numbers of axes. Where the provider has no op for transposed matrices, they are
 * transposed first: it would leave such an op to the processor, with copies from the device and back.
 */
export function stackedProduct(
  emit: Emit,
  operands: readonly [a: string, b: string],
  ranks: readonly [number, number],
  transposed: readonly [boolean, boolean],
): string {
  if (!transposed.includes(true)) return emit.node("MatMul", operands);
  if (emit.transposing) {
    const [transA, transB] = transposed.map(Number);
    return emit.node("FusedMatMul", operands, { transA, transB }, "com.microsoft");
  }
  const [a, b] = operands.map((x, i) => (transposed[i] ? lastTwoExchanged(emit, x, ranks[i]) : x));
  return emit.node("MatMul", [a, b]);
}

function lastTwoExchanged(emit: Emit, x: string, rank: number): string {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return emit.once(`transposed ${x}`, () => [
    emit.node("Transpose", [x], { perm: [...axes.slice(0, -2), rank - 1, rank - 2] }),
  ])[0];
}
