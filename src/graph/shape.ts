/** Shapes: lists of sizes, row-major, and NumPy's broadcasting rule. */
import { GraphError } from "../errors/index.ts";

export type Shape = readonly number[];

/** Number of elements. */
export const sizeOf = (shape: Shape): number => shape.reduce((n, size) => n * size, 1);

export const showShape = (shape: Shape): string => `[${shape.join(", ")}]`;

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((size, i) => size === b[i]);

/** The shape two operands broadcast to: aligned at the last axis, sizes equal or 1. */
export function broadcast(where: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [m, n] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
    if (m !== n && m !== 1 && n !== 1)
      throw new GraphError(`${where}: shapes do not broadcast: ${showShape(a)} and ${showShape(b)} (${m} ≠ ${n}).`);
    return m === 1 ? n : m;
  });
}

/** Step in memory of each axis of a row-major array. */
export function strides(shape: Shape): number[] {
  const steps = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) steps[i] = steps[i + 1] * shape[i + 1];
  return steps;
}

/** Turns axes that may count from the end into sorted ones that count from the front. */
export function normalizeAxes(where: string, axes: readonly number[], rank: number): number[] {
  return axes
    .map((axis) => {
      const positive = axis < 0 ? axis + rank : axis;
      if (!Number.isInteger(axis) || positive < 0 || positive >= rank)
        throw new GraphError(`${where}: no such axis: ${axis} (rank is ${rank}).`);
      return positive;
    })
    .sort((a, b) => a - b);
}
