/** Kinds of values that recipes are made of. */
import { z } from "zod";

export const real = z.number();
export const positive = z.number().positive();
export const nonNegative = z.number().nonnegative();
export const fraction = z.number().gt(0).lt(1);
/** From 0 to just below 1. */
export const share = z.number().min(0).lt(1);
export const count = z.int().min(1);
export const whole = z.int().nonnegative();

/** Every field may be left out. */
export const optional = <T extends Readonly<Record<string, z.ZodType>>>(fields: T) =>
  Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, z.exactOptional(type)])) as {
    [K in keyof T]: z.ZodExactOptional<T[K]>;
  };

/** A member of a family: its name, and the fields that go with it. */
export const member = <const N extends string, T extends Readonly<Record<string, z.ZodType>>>(type: N, fields: T) =>
  z.strictObject({ type: z.literal(type), ...fields });
