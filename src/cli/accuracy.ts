/** How well a classifier's run does, at the end of its training. */
import { join } from "node:path";
import { type AccuracyAt, classifierAccuracy, modelOf, trainedClassifier } from "../recipe/index.ts";
import { type RunFolder, writeAtomic } from "../runs/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import { flatFromCheckpoint, networkOf } from "../training/index.ts";
import type { Terminal } from "./command.ts";
import { heldOut } from "./held-out.ts";

/** The classifier of a run's averaged parameters. */
export function openClassifier(folder: RunFolder, options: CompileOptions) {
  const { recipe, data } = folder.describe();
  const { checkpoint, path } = folder.load();
  const { parameters } = networkOf(modelOf(recipe, data));
  return trainedClassifier(recipe, data, flatFromCheckpoint(parameters, checkpoint.tensors, "ema", path), options);
}

/** Prints the accuracy at every noise level on data not trained on, where there are any, and keeps it in `accuracy.json`. */
export async function reportAccuracy(folder: RunFolder, terminal: Terminal, options: CompileOptions): Promise<void> {
  const { recipe } = folder.describe();
  const dataset = await heldOut(recipe, { split: undefined }, terminal);
  const classifier = openClassifier(folder, options);
  try {
    const count = Math.min(500, dataset.size);
    const found: AccuracyAt[] = [];
    terminal.print(`Right on ${count} examples of ${dataset.name}, ${classifier.facts.classes} classes:`);
    for await (const at of classifierAccuracy(classifier, dataset, { count, seed: recipe.training.seed })) {
      terminal.signal.throwIfAborted();
      const { sigma, accuracy, error } = at;
      found.push(at);
      terminal.print(
        `  σ ${String(Number(sigma.toPrecision(3))).padEnd(8)} ${(100 * accuracy).toFixed(1).padStart(5)} % ± ${(100 * error).toFixed(1)}`,
      );
      terminal.record({ type: "accuracy", ...at });
    }
    const file = join(folder.path, "accuracy.json");
    writeAtomic(file, [`${JSON.stringify({ data: dataset.name, examples: count, levels: found }, null, 2)}\n`]);
  } finally {
    await classifier.close();
  }
}
