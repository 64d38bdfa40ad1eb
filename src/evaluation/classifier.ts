/**
 * The features that need no download: a small convolutional network, trained here on the data set at hand to tell its
 * classes apart, or, where there are no labels, which way an image was turned (Gidaris et al. 2018).
 */
import { batches, type Dataset, elements, subset } from "../data/index.ts";
import { constant, type Expr, gradients, input } from "../graph/index.ts";
import { addFeatures, featureStatistics } from "../metrics/index.ts";
import { bake, flatGradient, flatten, initialize, parameterCount } from "../nn/index.ts";
import { onnxMetadata, toOnnx } from "../onnx/index.ts";
import { stream } from "../random/index.ts";
import { type CompileOptions, compile, compileStateful } from "../runtime/index.ts";
import { adam, adamFeeds, adamRates, learningRate } from "../training/index.ts";
import { classifierNetwork, classifierWidths } from "./classifier-network.ts";
import { imageShape } from "./examples.ts";
import type { FeatureSpec } from "./feature-spec.ts";
import { turn, turns } from "./turns.ts";

/** What the network learns: the data's classes, or how an image was turned. */
export type ClassifierTask = "classes" | "turns";

export interface ClassifierOptions extends CompileOptions {
  /** Images of the same kind that it is tested on. Left out: a tenth of the data, which it then does not learn from. */
  readonly heldOut?: Dataset;
  /** Images to learn from, each as often as its turn comes. Twice through the data, but 60,000 at least and 300,000 at most. */
  readonly images?: number;
  readonly seed?: number;
}

/** One update of the classifier. */
export interface ClassifierStep {
  readonly step: number;
  readonly steps: number;
  /** Cross-entropy in nats. */
  readonly loss: number;
}

/** What a trained classifier is, as its file says. */
export interface ClassifierFacts {
  readonly spec: FeatureSpec;
  readonly task: ClassifierTask;
  /** Share of held-out images that it gets right. */
  readonly accuracy: number;
  /** How many it was tested on. */
  readonly tested: number;
}

export interface TrainedClassifier extends ClassifierFacts {
  /** The network as an ONNX model, which {@link classifierFacts} reads these facts from. */
  readonly model: Uint8Array<ArrayBuffer>;
  /** Another model, for losses: from "images" and "v", for each image vᵀ times the features' Jacobian, "product". */
  readonly gradient: Uint8Array<ArrayBuffer>;
  /** The parameters, flat, for losses that have the network inside. */
  readonly params: Float32Array;
}

/** Name of the entry in the model's file. */
const entry = "ornstein.classifier";

const batch = 128;
const optimizer = { type: "adam", beta2: 0.99 } as const;
/** How many features there are. */
const dims = classifierWidths[3];

/** Trains the classifier; yields after every update. The same data and seed give the same network. */
export async function* trainClassifier(
  dataset: Dataset,
  { heldOut, images: asked, seed = 0, ...options }: ClassifierOptions = {},
): AsyncGenerator<ClassifierStep, TrainedClassifier, void> {
  const shape = imageShape("features auto", dataset.shape);
  const task: ClassifierTask = (dataset.classes?.length ?? 0) >= 2 ? "classes" : "turns";
  const outputs = task === "classes" ? dataset.classes!.length : turns;
  const [learnt, test] = heldOut ? [dataset, heldOut] : setAside(dataset, seed);
  const images = asked ?? Math.min(Math.max(2 * learnt.size, 60_000), 300_000);
  const steps = Math.max(1, Math.round(images / batch));
  const assemble = batches(learnt, { seed });
  const program = await compileStep(shape, outputs, options);
  const rate = learningRate({
    peak: 2e-3,
    warmup: { type: "steps", steps: Math.min(100, steps / 4) },
    decay: { type: "cosine", over: "steps", to: steps },
  });

  let params: Float32Array;
  try {
    program.state.load({ params: initialize(program.parameters, seed) });
    for (let step = 0; step < steps; step++) {
      const { x, labels } = assemble(step * batch, batch);
      const answers = task === "classes" ? labels! : turnAll(x, shape, seed, step * batch);
      const lr = rate({ step, images: step * batch, batch });
      const { loss } = await program.step({
        images: x,
        answers: oneHot(answers, outputs),
        ...adamFeeds(optimizer, step + 1, lr),
      });
      yield { step: step + 1, steps, loss: loss[0] };
    }
    params = (await program.state.read("params")).params.slice();
  } finally {
    await program.close();
  }

  const seen = input("images", [batch, ...shape]);
  const network = classifierNetwork(seen, outputs);
  const [raw, logits] = bake([network.features, network.logits], network.parameters, params);
  const { accuracy, mean, scale } = await score({ raw, logits }, test, task, seed, options);
  // About 0, and 1 in size, so that distances mean about the same for all data.
  const features = raw.sub(constant(mean, [1, mean.length])).mul(scale);
  const spec: FeatureSpec = {
    name: `auto, ${task} of ${dataset.name}`,
    input: "images",
    order: "nchw",
    channels: shape[0],
    size: [shape[1], shape[2]],
    resize: "bilinear-antialias",
    range: [-1, 1],
    batch,
    // What way an image is turned says nothing about how good or how varied images are.
    outputs: { features: "features", ...(task === "classes" && { logits: "logits" }) },
  };
  const kept = task === "classes" ? { features, logits } : { features };
  const facts: ClassifierFacts = { spec, task, accuracy, tested: test.size };
  const [product] = gradients(features, [seen], input("v", features.shape));
  const metadata = { [entry]: JSON.stringify(facts) };
  return { ...facts, model: toOnnx(kept, { metadata }), gradient: toOnnx({ product }, { metadata }), params };
}

/** What the file of a classifier trained here says about it; nothing of other files, or of files cut short. */
export function classifierFacts(model: Uint8Array): ClassifierFacts | undefined {
  const text = onnxMetadata(model)[entry];
  return text === undefined ? undefined : JSON.parse(text);
}

/** A tenth of the examples, at least one, chosen by the seed, and the others. */
function setAside(dataset: Dataset, seed: number): readonly [Dataset, Dataset] {
  if (dataset.size < 2) return [dataset, dataset];
  const order = stream(seed, "held out").permutation(dataset.size);
  const count = Math.ceil(dataset.size / 10);
  return [subset(dataset, order.subarray(count).sort()), subset(dataset, order.subarray(0, count).sort())];
}

/** One update of all parameters as a program. */
async function compileStep(shape: readonly number[], outputs: number, options: CompileOptions) {
  const { logits, parameters } = classifierNetwork(input("images", [batch, ...shape]), outputs);
  const answers = input("answers", [batch, outputs]);
  // −ln softmax(logits)[answer], the largest logit taken out first.
  const shifted = logits.sub(logits.max([1]));
  const chosen = shifted.mul(answers).sum([1]);
  const losses = shifted.exp().sum([1]).log().sub(chosen);
  const mean = losses.sum().mul(1 / batch);
  const flat = (name: string) => input(name, [parameterCount(parameters)]);
  const before = { params: flat("params"), mean: flat("mean"), square: flat("square") };
  const [loss, gradient] = flatten([mean, flatGradient(mean, parameters)], parameters, before.params);
  const after = adam(optimizer, before, gradient, adamRates());
  const carried = {
    params: { before: before.params, after: after.params },
    mean: { before: before.mean, after: after.mean },
    square: { before: before.square, after: after.square },
  };
  const stateful = await compileStateful(carried, { loss }, options);
  return Object.assign(stateful, { parameters });
}

/** Turns each image of a batch in its own way, in place, and says which. */
function turnAll(x: Float32Array, shape: readonly [number, number, number], seed: number, position: number) {
  const stride = elements(shape);
  return Int32Array.from({ length: x.length / stride }, (_, i) => {
    const way = stream(seed, "turn", position + i).integer(turns);
    turn(x.subarray(i * stride, (i + 1) * stride), shape, way);
    return way;
  });
}

function oneHot(answers: ArrayLike<number>, outputs: number): Float32Array {
  const rows = new Float32Array(answers.length * outputs);
  for (let i = 0; i < answers.length; i++) rows[i * outputs + answers[i]] = 1;
  return rows;
}

/** The share of right answers, the mean of the raw features, and what makes their mean variance 1. */
async function score(
  network: { readonly raw: Expr; readonly logits: Expr },
  test: Dataset,
  task: ClassifierTask,
  seed: number,
  options: CompileOptions,
) {
  const program = await compile(network, options);
  const shape = imageShape("features auto", test.shape);
  const assemble = batches(test, { seed, order: (position) => position % test.size });
  const statistics = featureStatistics(dims);
  let right = 0;
  try {
    for (let start = 0; start < test.size; start += batch) {
      const { x, labels } = assemble(start, batch);
      const answers = task === "classes" ? labels! : turnAll(x, shape, seed + 1, start);
      const { raw, logits } = await program.run({ images: x });
      const outputs = logits.length / batch;
      const count = Math.min(batch, test.size - start);
      for (let i = 0; i < count; i++) {
        const row = logits.subarray(i * outputs, (i + 1) * outputs);
        if (row.indexOf(Math.max(...row)) === answers[i]) right++;
      }
      addFeatures(statistics, { data: raw.subarray(0, count * dims), count, dims });
    }
  } finally {
    await program.close();
  }
  const { mean, scatter } = statistics;
  let total = 0;
  for (let d = 0; d < dims; d++) total += scatter[d * (dims + 1)];
  return { accuracy: right / test.size, mean, scale: total > 0 ? Math.sqrt((dims * test.size) / total) : 1 };
}
