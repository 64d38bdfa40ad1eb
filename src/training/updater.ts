/**
 * An update at work on the state: one program that does everything where a batch is one small pass, else one that makes or
 * sums the gradient and another that changes the state in place. A loss or a gradient that is not finite changes nothing.
 */
import { input, sizeOf } from "../graph/index.ts";
import { layout, type NoiseInput, type Parameter, parameterCount } from "../nn/index.ts";
import {
  type CompileOptions,
  compileInPlace,
  compileStateful,
  createState,
  type Feeds,
  type State,
} from "../runtime/index.ts";
import { type StateName, stateNames, type UpdateGraphs, type UpdateSpec, updateGraphs } from "./update-graphs.ts";

/** Numbers for one update: Adam's rates, and the share of the average that is kept. */
export interface Rates {
  readonly lr: readonly number[];
  readonly meanScale: readonly number[];
  readonly squareScale: readonly number[];
  readonly emaDecay: readonly number[];
}

export interface Outcome {
  /** The loss of each sample, before the mean over the batch. */
  readonly losses: Float32Array;
  /** Of the whole gradient, before clipping. */
  readonly gradientNorm: number;
  /** What is not a finite number, if something is not; then nothing has changed. */
  readonly trouble?: string;
}

export interface Updater {
  readonly parameters: readonly Parameter[];
  /** What dropout wants for each micro-batch. */
  readonly uniforms: readonly NoiseInput[];
  /** Present values, by copy from a device and without elsewhere. Treat them as read-only, and use them before the next update. */
  read<Name extends StateName>(...names: readonly Name[]): Promise<Readonly<Record<Name, Float32Array>>>;
  load(state: Readonly<Partial<Record<StateName, ArrayLike<number>>>>): void;
  /**
   * One update from the feeds of its micro-batches, in order; the loss scale is for float16 alone. A loss or a gradient that
   * is not finite leaves the state as it was.
   */
  update(micro: readonly Feeds[], rates: Rates, lossScale?: number): Promise<Outcome>;
  close(): Promise<void>;
}

/**
 * From so many parameters on, the gradient is a program of its own, and the update one in place, which takes less memory and
 * time; with fewer the start of a second program takes more.
 */
const manyParameters = 2 ** 21;

/** Whether the state is changed in place, after the gradient has been looked at. */
export const changesInPlace = (
  { batch, microBatch }: Pick<UpdateSpec, "batch" | "microBatch">,
  parameters: number,
): boolean => microBatch < batch || parameters >= manyParameters;

/** Compiles the update. */
export async function compileUpdate(spec: UpdateSpec, options: CompileOptions = {}): Promise<Updater> {
  const graphs = updateGraphs(spec);
  const { parameters, uniforms, gradient } = graphs;
  const inPlace = changesInPlace(spec, parameterCount(parameters));
  const names = inPlace ? [...stateNames, "gradient"] : stateNames;
  const state = createState(Object.fromEntries(names.map((name) => [name, gradient.shape])), options);
  const { update, close } = await (inPlace ? compileTwofold : compileWhole)(spec, graphs, { ...options, state });
  return {
    parameters,
    uniforms,
    read: (...names) => state.read(...names),
    load: (values) => state.load(values as Readonly<Record<string, ArrayLike<number>>>),
    update,
    async close() {
      await state.close();
      await close();
    },
  };
}

type Working = Pick<Updater, "update" | "close">;
type OnState = CompileOptions & { readonly state: State };

/** Everything as one program, which is taken back if the gradient turns out to be bad. */
async function compileWhole(
  { precision }: UpdateSpec,
  { parameters, losses, gradient, measure, changeBy }: UpdateGraphs,
  options: OnState,
): Promise<Working> {
  const { norm, gradientScale } = measure(gradient);
  const carried = changeBy(gradientScale ? gradient.mul(gradientScale) : gradient);
  const program = await compileStateful(carried, { losses, norm }, options);
  return {
    async update([feeds], rates, lossScale = 1) {
      const { losses, norm } = await program.step({
        ...feeds,
        ...rates,
        ...(precision === "float16" && { lossScale: [lossScale] }),
      });
      const outcome = { losses, gradientNorm: norm[0] };
      if (allFinite(outcome)) return outcome;
      // A gradient that is not finite shows in its mean.
      const trouble = blame(parameters, losses, (await options.state.read("mean")).mean);
      program.undo();
      return { ...outcome, trouble };
    },
    close: program.close,
  };
}

/** A program that makes the gradient, or adds a micro-batch's to it, and one that applies it in place if it is finite. */
async function compileTwofold(
  { batch, microBatch, precision }: UpdateSpec,
  { parameters, losses, gradient, measure, change }: UpdateGraphs,
  options: OnState,
): Promise<Working> {
  const { state } = options;
  const before = input("gradient", gradient.shape);
  const after = microBatch === batch ? gradient : before.add(gradient);
  const differentiating = await compileStateful(
    { gradient: { before, after } },
    { losses, ...measure(after) },
    options,
  );
  const applying = await compileInPlace(change, parameterCount(parameters), options);
  return {
    async update(micro, rates, lossScale = 1) {
      const all = new Float32Array(batch);
      let gradientNorm = 0;
      let clipping: Feeds = {};
      if (microBatch < batch) state.clear("gradient");
      for (const [i, feeds] of micro.entries()) {
        const scaled = precision === "float16" ? { ...feeds, lossScale: [lossScale] } : feeds;
        const { losses, norm, ...rest } = await differentiating.step(scaled);
        all.set(losses, i * microBatch);
        [gradientNorm, clipping] = [norm[0], rest];
      }
      const outcome = { losses: all, gradientNorm };
      if (!allFinite(outcome))
        return { ...outcome, trouble: blame(parameters, all, (await state.read("gradient")).gradient) };
      await applying.run({ ...rates, ...clipping });
      return outcome;
    },
    async close() {
      await differentiating.close();
      await applying.close();
    },
  };
}

const allFinite = ({ losses, gradientNorm }: Outcome): boolean =>
  Number.isFinite(gradientNorm) && losses.every(Number.isFinite);

/** The first thing that went wrong: a sample's loss, or a parameter's gradient. */
function blame(parameters: readonly Parameter[], losses: Float32Array, gradient: Float32Array): string {
  const sample = losses.findIndex((loss) => !Number.isFinite(loss));
  if (sample >= 0) return `the loss of sample ${sample} of the batch is ${losses[sample]}`;
  const broken = layout(parameters).find(({ offset, shape }) =>
    gradient.subarray(offset, offset + sizeOf(shape)).some((value) => !Number.isFinite(value)),
  );
  return broken
    ? `the gradient of ${broken.path} [${broken.shape}] is not finite`
    : "the gradient overflowed when squared";
}
