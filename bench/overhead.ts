/**
 * What transport couplings and stable targets add to the time of an update, in turns with plain training.
 * `node dist/bench/overhead.js aot|stf [SECONDS]`: `aot` trains `npm start`'s recipe with pools of 512 and of 2048 matched
 * in a thread, a whole pool of 2048 in each turn; `stf` trains U-Nets of two sizes on 32×32 emoji in colour with 4096
 * references. Prints medians over turns, and their quartiles.
 */
import { cpus } from "node:os";
import { loadDataset, loaded } from "../src/data/files/index.ts";
import { type Dataset, datasetFromArray } from "../src/data/index.ts";
import { ConfigError } from "../src/errors/index.ts";
import { normals } from "../src/random/index.ts";
import { defineRecipe, factsOf, preset, type Recipe, resolveRecipe, setField, trainerOf } from "../src/recipe/index.ts";
import { openPoolMatcher } from "../src/runs/index.ts";
import { createTrainer } from "../src/training/index.ts";
import { spread } from "./statistics.ts";

interface Study {
  readonly title: string;
  readonly dataset: Dataset;
  /** The plain one first. */
  readonly recipes: Readonly<Record<string, Recipe>>;
  /** Updates in a turn, and before the first. */
  readonly steps: number;
  readonly warmup: number;
  /** Of the time. */
  readonly share: number;
}

const withFields = (name: string, ...fields: readonly string[]) =>
  defineRecipe(fields.reduce<unknown>(setField, preset(name)), name);

/** Numbers in place of images: only their count matters here. */
const images = (shape: readonly number[], size: number, classes: number) =>
  datasetFromArray({
    name: `${size} made-up images`,
    shape,
    values: Float32Array.from(normals(0, "images", 0, size * shape.reduce((a, b) => a * b, 1)), (v) => v / 2),
    labels: Array.from({ length: size }, (_, i) => i % classes),
  });

const aot = (pool: number) => `training.coupling={"type":"aot","pool":${pool},"classWise":false}`;

const colour =
  (about: string, share: number, ...fields: readonly string[]): (() => Promise<Study>) =>
  async () => {
    const all = ["data.flip=true", "model.conditional=false", "training.labelDropout=0", ...fields];
    return {
      title: `stable targets of 4096 references, 32×32×3, ${about}`,
      // What is done depends on which images are alike: real ones.
      dataset: await loaded(loadDataset("emoji", { size: 32, channels: 3 })),
      recipes: {
        edm: withFields("edm", ...all),
        "edm-stf": withFields("edm", ...all, 'training.target={"type":"stf","references":4096}'),
      },
      steps: 1,
      warmup: 2,
      share,
    };
  };

const studies: Readonly<Record<string, readonly (() => Study | Promise<Study>)[]>> = {
  aot: [
    () => ({
      title: "transport couplings, npm start's recipe (28×28, batches of 16)",
      dataset: images([1, 28, 28], 20_000, 10),
      recipes: {
        "first-picture": preset("first-picture"),
        "pools of 512": withFields("first-picture", aot(512)),
        "pools of 2048": withFields("first-picture", aot(2048)),
      },
      steps: 128,
      warmup: 32,
      share: 1,
    }),
  ],
  stf: [
    colour("preset edm's U-Net, batches of 64", 0.5),
    colour("the same with 64 channels, batches of 64", 0.5, "model.network.modelChannels=64"),
  ],
};

async function measure({ title, dataset, recipes, steps, warmup, share }: Study, seconds: number): Promise<void> {
  const ends = performance.now() + 1000 * share * seconds;
  const all = await Promise.all(
    Object.entries(recipes).map(async ([name, recipe]) => {
      const spec = trainerOf(resolveRecipe(recipe, dataset), factsOf(dataset));
      const pools = openPoolMatcher();
      const trainer = await createTrainer(spec, dataset, { matcher: pools.match });
      const turn = async (count: number) => {
        const before = performance.now();
        for (let i = 0; i < count; i++) await trainer.advance();
        return (performance.now() - before) / count;
      };
      const close = () => Promise.all([trainer.close(), pools.close()]);
      return { name, trainer, turn, close, times: [] as number[] };
    }),
  );
  for (const { turn } of all) await turn(warmup);
  do for (const { turn, times } of all) times.push(await turn(steps));
  while (performance.now() < ends);
  console.log(`${title}: ${all[0].trainer.parameters} parameters, ${all[0].times.length} turns of ${steps} updates`);
  const [{ times: plain }] = all;
  for (const { name, times, close } of all) {
    const { median } = spread(times);
    const more = spread(times.map((time, i) => 100 * (time / plain[i] - 1)));
    const [low, high] = [more.lower, more.upper].map((percent) => percent.toFixed(1));
    console.log(
      `  ${name.padEnd(14)} ${median.toFixed(1)} ms an update, ${more.median.toFixed(1)} % more (${low} to ${high})`,
    );
    await close();
  }
}

const [name = "", seconds = "60"] = process.argv.slice(2);
if (!Object.hasOwn(studies, name)) throw new ConfigError(`overhead: must be aot or stf; got ${JSON.stringify(name)}.`);
console.log(cpus()[0]?.model ?? "unknown processor");
for (const study of studies[name]) await measure(await study(), Number(seconds));
