/** `ornstein discriminate`: a network that tells a run's samples from its data, and corrects them. */
import { join } from "node:path";
import { datasetFromArray } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { againstSamples, defineRecipe, discriminatorRecipe, factsOf } from "../recipe/index.ts";
import { drawSamples, parametersOf, RunFolder, trainDiscriminator } from "../runs/index.ts";
import { command, grouped } from "./command.ts";
import { showing, shown } from "./eta.ts";
import { toPaste } from "./program.ts";
import { loadData } from "./recipes.ts";
import { samplingFlags, samplingOf } from "./sampling-flags.ts";
import { weightFlags, whichParameters } from "./weights.ts";

export const discriminate = command({
  name: "discriminate",
  summary: "Train a network that tells a run's samples from its data, for sample --discriminator.",
  argument: { name: "RUN", help: "Run folder, as made by train", required: true },
  examples: [
    "discriminate runs/mnist --out runs/judge",
    "discriminate runs/mnist --fakes 50000 --duration 1000000 --aot --out runs/judge",
    "sample runs/mnist --discriminator runs/judge --discriminator-weight 1",
  ],
  flags: {
    ...grouped("What to train", {
      fakes: { type: "integer", default: 4000, min: 20, help: "Samples to draw, against as many examples of the data" },
      duration: { type: "integer", default: 40_000, min: 1, help: "Images that it sees" },
      trainBatch: { type: "integer", default: 64, min: 2, help: "Images in one update" },
      learningRate: { type: "number", default: 3e-4, min: 0, help: "At the start, falling to 0" },
      aot: { type: "boolean", help: "Match noises to images, data and samples apart" },
      conditional: { type: "boolean", help: "Tell it the class, as the run is told" },
      pool: { type: "integer", default: 512, min: 2, needs: "aot", help: "Images matched at a time, with --aot" },
      tests: { type: "integer", default: 8, min: 1, help: "Tests on images set aside; the best state is kept" },
      seed: { type: "integer", default: 0, min: 0, help: "Of everything random" },
    }),
    ...samplingFlags,
    ...weightFlags,
    ...grouped("Output", {
      out: {
        type: "string",
        value: "DIR",
        writes: "folder",
        help: "Run folder; RUN-discriminator if left out. Continues what is there",
      },
    }),
  },
  async run(path = "", flags, terminal) {
    const folder = RunFolder.open(path);
    const { recipe, data } = folder.describe();
    const { sampling } = defineRecipe({ ...recipe, sampling: samplingOf(recipe, flags) }, "discriminate");
    const out = flags.out ?? `${path.replace(/\/+$/, "")}-discriminator`;
    const which = whichParameters(flags);
    parametersOf(folder, which);
    const plan = {
      images: flags.duration,
      batch: flags.trainBatch,
      learningRate: flags.learningRate,
      seed: flags.seed,
      ...(flags.aot && { coupling: { type: "aot", pool: flags.pool } as const }),
      ...(flags.conditional && { conditional: true }),
    };
    const judge = defineRecipe(discriminatorRecipe(recipe, plan), "discriminate");
    if (RunFolder.exists(out) && JSON.stringify(RunFolder.open(out).describe().recipe) !== JSON.stringify(judge))
      throw new ConfigError(`${out}: holds another run. Choose another --out.`);
    const options = { threads: flags.threads, device: flags.device };
    const dataset = await loadData(recipe, terminal);
    const show = showing(terminal);
    const { sets, labels } = await shown(
      drawSamples(
        folder,
        dataset,
        {
          ...which,
          sampling,
          n: flags.fakes,
          // Seeds of evaluations begin at 0: what is judged is not what was learned from.
          seeds: [1000 + flags.seed],
          batch: Math.min(flags.batch ?? (data.shape.length === 1 ? 1000 : 64), flags.fakes),
          rounding: "edm",
        },
        options,
      ),
      ({ done, total }) => show(`drawing ${total} samples`, done, total),
    );
    const [{ data: drawn }] = sets;
    const values = drawn instanceof Float32Array ? drawn : Float32Array.from(drawn, (byte) => byte / 127.5 - 1);
    const known = flags.conditional && labels ? { labels: Uint16Array.from(labels[0]) } : {};
    const samples = datasetFromArray({ name: "samples", shape: data.shape, values, ...known });
    const both = againstSamples(dataset, samples, flags.conditional);
    const run = RunFolder.exists(out)
      ? RunFolder.open(out)
      : RunFolder.create(out, {
          recipe: judge,
          data: { ...factsOf(both), name: both.name, examples: both.size, classNames: [...(both.classes ?? [])] },
        });
    terminal.say(`${both.size} examples of [${data.shape}], half of them drawn; run folder: ${out}`);
    for await (const { images, total, loss, tested, best } of trainDiscriminator(run, both, {
      ...options,
      tests: flags.tests,
      signal: terminal.signal,
    })) {
      if (!tested) terminal.progress(`${images} of ${total}  loss ${loss.toFixed(3)}`, images / total);
      else {
        terminal.print(
          `${images} images: ${loss.toFixed(4)} nats on images set aside${best ? ", the best so far" : ""}`,
        );
        terminal.record({ type: "test", images, loss, best });
      }
    }
    terminal.print(`Draw with: ${toPaste("sample", path, "--discriminator", out)}`);
    terminal.record({ type: "done", run: out, validation: join(out, "validation.jsonl") });
  },
});
