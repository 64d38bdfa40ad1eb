/** Examples that a trained model is measured on, and the means of what is measured. */
import type { Dataset } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import type { TrainedModel } from "./trained.ts";

/** A mean over examples, with its standard error. */
export interface Estimate {
  readonly mean: number;
  readonly error: number;
}

/** Refuses examples of another shape than the model takes, or more of them than there are. */
export function checkExamples(
  where: string,
  { facts }: Pick<TrainedModel, "facts">,
  dataset: Dataset,
  count: number,
): void {
  if (dataset.shape.join() !== facts.shape.join())
    throw new ConfigError(`${where}: examples are [${dataset.shape}] (the model takes [${facts.shape}]).`);
  if (count > dataset.size)
    throw new ConfigError(`${where}: ${count} examples of ${dataset.name} (it has ${dataset.size}).`);
}

/** Whether the numbers are images of bytes, byte/127.5 − 1, as far as these examples tell. */
export const areBytes = ({ shape }: Dataset, x: Float32Array): boolean =>
  shape.length === 3 && x.every((value) => Math.abs((value + 1) * 127.5 - Math.round((value + 1) * 127.5)) < 1e-3);

/** The mean of one number an example, and how far it may be off. */
export function estimate(values: Float64Array): Estimate {
  const n = values.length;
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { mean, error: n > 1 ? Math.sqrt(squares / (n - 1) / n) : Number.NaN };
}
