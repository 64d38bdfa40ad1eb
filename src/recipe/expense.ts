/** What a recipe takes: counted from its graphs, and measured by running them. */
import { datasetFromArray } from "../data/index.ts";
import { type Cost, cost, type Expr, input, simplify, sizeOf } from "../graph/index.ts";
import { parameterCount } from "../nn/index.ts";
import { normals } from "../random/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import {
  changesInPlace,
  createTrainer,
  networkOf,
  type Preparer,
  stableTargetGraphs,
  stateNames,
  updateGraphs,
} from "../training/index.ts";
import { draw } from "./draw.ts";
import { blankFeatures, distanceOf } from "./feature-metric.ts";
import { type Held, type Memory, memoryOf } from "./memory.ts";
import { type DataFacts, modelOf, type Recipe, trainerOf } from "./recipe.ts";
import { samplingPlan } from "./sampling-plan.ts";
import { sheetSize } from "./sheet-size.ts";
import { blankTeacher, needsTeacher, teacherCalls, trainerOptions } from "./teacher.ts";

/** Size and work of a recipe, counted and not measured. */
export interface Expense {
  readonly parameters: number;
  /** Operations of the network for one image, one way. */
  readonly forwardFlops: number;
  /** Operations of training for one image: forward, backward, and its share of the update. */
  readonly trainingFlops: number;
  /**
   * Bytes of the training state: parameters, average, and the optimiser's. Each twice (before and after a step) where a
   * step is one program; otherwise once, with the gradient, which with micro-batches is there twice.
   */
  readonly stateBytes: number;
  /** Most bytes of values alive at once in a training step, as the graph has them. */
  readonly stepBytes: number;
  /** The most bytes of the whole training process on the processor, beside its data. */
  readonly memory: Memory;
}

/** Counts what training a recipe takes. Throws ConfigError where the recipe does not fit the data. */
export function expenseOf(recipe: Recipe, facts: DataFacts): Expense {
  const spec = trainerOf(recipe, facts);
  const { batch, microBatch } = spec;
  const forward = costOf([networkOf(modelOf(recipe, facts)).output]);
  const distance = distanceOf(recipe, facts, blankFeatures(recipe, facts));
  const { parameters, losses, gradient, measure, changeBy } = updateGraphs({ ...spec, ...(distance && { distance }) });
  const count = parameterCount(parameters);
  const after = (flat: Expr) => Object.values(changeBy(flat)).map(({ after }) => after);
  const inPlace = changesInPlace(spec, count);
  const whole = input("gradient", gradient.shape);
  const added = microBatch === batch ? gradient : whole.add(gradient);
  const passes = inPlace
    ? [{ times: batch / microBatch, ...graphOf([losses, added, ...Object.values(measure(added))]) }]
    : [{ times: 1, ...graphOf([losses, ...Object.values(measure(gradient)), ...after(gradient)]) }];
  if (spec.target?.type === "stf") {
    const { references } = spec.target;
    const sizes = { rows: microBatch, count: references, dims: sizeOf(facts.shape) };
    const { products, means } = stableTargetGraphs(sizes);
    // Few samples have more than a few references at a time.
    passes.push({ times: batch / microBatch, ...graphOf([products, means(Math.ceil(microBatch / 4))]) });
  }
  const asked = teacherCalls(recipe);
  // In place it takes next to no memory.
  const applying = inPlace ? costOf(after(whole)).flops : 0;
  const work = passes.reduce((sum, { times, cost }) => sum + times * cost.flops, applying);
  const stateBytes = (inPlace ? stateNames.length + (microBatch === batch ? 1 : 2) : 2 * stateNames.length) * 4 * count;
  return {
    parameters: count,
    forwardFlops: forward.flops,
    trainingFlops: work / batch + asked * forward.flops,
    stateBytes,
    stepBytes: Math.max(...passes.map(({ cost }) => cost.peakBytes)),
    memory: memoryOf(passes, {
      parameters: count,
      stateBytes,
      sample: forward,
      // A teacher is asked with and without classes at once.
      answers: [sheetSize(recipe, facts), ...(asked > 0 ? [2 * microBatch] : [])],
    }),
  };
}

/** What drawing one sample takes. */
export interface DrawingExpense {
  /** Evaluations of D (NFE). */
  readonly evaluations: number;
  /** Calls of the network: guidance makes two of an evaluation, unless the network is told its weight. */
  readonly calls: number;
  /** Operations in all. */
  readonly flops: number;
}

/** Counts what drawing takes, as the recipe has it; undefined where the sampler chooses its steps as it runs. */
export function drawingExpense(
  recipe: Recipe,
  { forwardFlops }: Pick<Expense, "forwardFlops">,
): DrawingExpense | undefined {
  const { evaluations } = samplingPlan(recipe);
  if (evaluations === undefined) return undefined;
  const { guidance = 1 } = recipe.sampling;
  const guided = !recipe.model.guidance && (typeof guidance === "number" ? guidance : guidance.scale) !== 1;
  const calls = guided ? 2 * evaluations : evaluations;
  return { evaluations, calls, flops: calls * forwardFlops };
}

const costOf = (outputs: readonly Expr[]): Cost => cost(simplify(outputs));

/** The graph as it is compiled, and what it takes. */
function graphOf(outputs: readonly Expr[]): Held {
  const simple = simplify(outputs);
  return { outputs: simple, cost: cost(simple) };
}

/** How fast a recipe trains here. */
export interface Speed {
  /** Until the first step can begin: building and compiling. */
  readonly readySeconds: number;
  /** The median over some steps. */
  readonly secondsPerStep: number;
}

export interface MeasureOptions extends CompileOptions {
  /** Steps to time; default 10. */
  readonly steps?: number;
  /** Steps before those, which are slower; default 3. */
  readonly warmup?: number;
  /** Seconds after which what is known so far must do; default 20. */
  readonly patience?: number;
  /** Prepares batches as a run's threads do. */
  readonly preparer?: Preparer;
  /** Samples of which a first step is drawn in the end, beside training, as for the sheets of a run; default 0. */
  readonly draws?: number;
}

/** Trains for a moment on made-up data of the right shape, and forgets it. */
export async function measureSpeed(
  recipe: Recipe,
  facts: DataFacts,
  { steps = 10, warmup = 3, patience = 20, preparer, draws = 0, ...options }: MeasureOptions = {},
): Promise<Speed> {
  const seconds = () => performance.now() / 1000;
  const started = seconds();
  const examples = 64;
  const dataset = datasetFromArray({
    name: "noise",
    shape: facts.shape,
    values: normals(0, "synthetic data", 0, examples * sizeOf(facts.shape)),
    ...(facts.classes > 0 && {
      labels: Uint16Array.from({ length: examples }, (_, i) => i % facts.classes),
      classes: Array.from({ length: facts.classes }, (_, i) => String(i)),
    }),
  });
  const teacher = needsTeacher(recipe) ? blankTeacher(recipe, facts) : undefined;
  const features = blankFeatures(recipe, facts);
  const targets = await trainerOptions(recipe, facts, teacher, { ...options, ...(features && { features }) });
  const trainer = await createTrainer(trainerOf(recipe, facts), dataset, {
    ...options,
    ...targets,
    ...(preparer && { preparer }),
  });
  const readySeconds = seconds() - started;
  try {
    const times: number[] = [];
    while (times.length < warmup + steps && (times.length === 0 || seconds() - started < patience)) {
      const before = seconds();
      await trainer.advance();
      times.push(seconds() - before);
    }
    if (draws > 0) {
      const drawing = draw(recipe, facts, await trainer.read("ema"), {
        count: draws,
        seed: 0,
        batch: draws,
        ...options,
      });
      await drawing.next();
      await drawing.return(new Float64Array());
    }
    const steady = times.slice(Math.min(warmup, times.length - 1)).sort((a, b) => a - b);
    return { readySeconds, secondsPerStep: steady[Math.floor(steady.length / 2)] };
  } finally {
    await trainer.close();
  }
}
