/**
 * What discriminator guidance does for a model that has trained too little: Fréchet distance and class accuracy of its samples
 * as they are, and corrected by discriminators trained with independent and with matched noise, from the same starts: with
 * Student's 95 % intervals over sets of samples, and of what each takes off the distance of the same starts. Discriminators
 * that are in OUT already are taken as they are.
 *
 *   node dist/experiments/discriminator-guidance.js RUN OUT [--n 512] [--seeds 3] [--steps 12] [--weights 1,2] [--duration 40000]
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cli } from "../src/cli/cli.ts";
import { cacheFolder, loadDataset } from "../src/data/files/index.ts";
import { type Examples, examplesOf, measure, type Seen, seeAll } from "../src/evaluation/index.ts";
import { metricDifference } from "../src/metrics/index.ts";
import { draw, modelOf } from "../src/recipe/index.ts";
import { autoFeatures, cachedReference, openDiscriminator, RunFolder } from "../src/runs/index.ts";
import { flatFromCheckpoint, networkOf } from "../src/training/index.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    n: { type: "string", default: "512" },
    seeds: { type: "string", default: "3" },
    steps: { type: "string", default: "12" },
    weights: { type: "string", default: "1,2" },
    duration: { type: "string", default: "40000" },
    fakes: { type: "string", default: "2048" },
    guidance: { type: "string", default: "1" },
  },
});
const [path, out] = positionals;
const count = Number(values.n);

async function last<T>(work: AsyncGenerator<unknown, T, void>): Promise<T> {
  for (;;) {
    const step = await work.next();
    if (step.done) return step.value;
  }
}

const sampler = ["--sampler", "dpm++2m", "--steps", values.steps, "--guidance", values.guidance];
const common = [
  "discriminate",
  path,
  "--fakes",
  values.fakes,
  "--duration",
  values.duration,
  "--learning-rate",
  "1e-3",
];
const judges = { independent: [], matched: ["--aot"] };
for (const [name, flags] of Object.entries(judges)) {
  const code = await cli([...common, ...sampler, ...flags, "--out", join(out, name)], process_());
  if (code !== 0) throw new Error(`discriminate ended with ${code}.`);
}

function process_() {
  return { out: process.stdout, err: process.stderr };
}

const folder = RunFolder.open(path);
const { recipe, data } = folder.describe();
const { checkpoint, path: file } = folder.load();
const params = flatFromCheckpoint(networkOf(modelOf(recipe, data)).parameters, checkpoint.tensors, "ema", file);
const dataset = await last(loadDataset(recipe.data.source, { size: data.shape[1] }));
const test = await last(loadDataset(recipe.data.source, { size: data.shape[1], split: "test" }));
const extractor = await last(autoFeatures(dataset, cacheFolder(), { heldOut: test }));
const reference = await last(cachedReference(dataset, extractor, cacheFolder()));
const sampling = {
  ...recipe.sampling,
  sampler: "dpm++2m" as const,
  steps: Number(values.steps),
  guidance: Number(values.guidance),
};
const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);

/** Fréchet distances without a discriminator, seed by seed. */
let plain: readonly number[] = [];

async function judged(name: string | undefined, weight: number): Promise<void> {
  const discriminator = name === undefined ? undefined : openDiscriminator(RunFolder.open(join(out, name)));
  const seen: Seen[] = [];
  for (const seed of seeds) {
    const samples = await last(
      draw(recipe, data, params, {
        count,
        seed,
        batch: 64,
        sampling,
        ...(discriminator && { corrected: { discriminator, weight } }),
      }),
    );
    const set: Examples = examplesOf(samples, data.shape, "edm");
    seen.push(
      await last(
        seeAll(
          extractor,
          set,
          Int32Array.from({ length: count }, (_, i) => i % data.classes),
        ),
      ),
    );
  }
  await discriminator?.close();
  const measuring = measure(["fd", "accuracy"], seen, reference);
  let next = measuring.next();
  while (!next.done) next = measuring.next();
  const text = next.value
    .map(({ name: metric, values: each, over }) => {
      const half = over ? over.high - over.mean : 0;
      return `${metric} ${over?.mean.toFixed(3)} ± ${half.toFixed(3)} [${each.map((v) => v.toFixed(3)).join(", ")}]`;
    })
    .join("; ");
  const [{ values: distances }] = next.value;
  if (name === undefined) plain = distances;
  const less = metricDifference(distances, plain, { paired: true });
  const gain = name === undefined ? "" : `; fd less by ${less.mean.toFixed(3)} ± ${(less.high - less.mean).toFixed(3)}`;
  const line = `${name ?? "no discriminator"}${name === undefined ? "" : `, weight ${weight}`}: ${text}${gain}`;
  console.log(line);
  lines.push(line);
}

const lines: string[] = [];
await judged(undefined, 0);
for (const weight of values.weights.split(",").map(Number))
  for (const name of Object.keys(judges)) await judged(name, weight);
await extractor.close();
writeFileSync(join(out, "discriminator-guidance.txt"), `${lines.join("\n")}\n`);
