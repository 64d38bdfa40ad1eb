/** What a feature network wants to see and what its outputs are: plain data, recognised, or written beside the model. */
import { ConfigError, unknownName } from "../errors/index.ts";
import { type ModelPort, showPorts } from "../runtime/index.ts";
import { type Resize, resizeNames } from "./resize.ts";

/** What an output is used for: distances, distances of layouts (sFID), and scores of a classifier. */
export type Role = "features" | "spatial" | "logits";
export const roles: readonly Role[] = ["features", "spatial", "logits"];

export interface FeatureSpec {
  /** What the network is, for people and records. */
  readonly name: string;
  /** The input's name. */
  readonly input: string;
  /** Whether channels come before rows or last. */
  readonly order: "nchw" | "nhwc";
  /** Channels the network takes; grey images are repeated to 3, colour ones are not reduced. */
  readonly channels: number;
  /** [height, width] to resize images to; left out where the network takes any size. */
  readonly size?: readonly [number, number];
  readonly resize?: Resize;
  /** What black and white become. Left out for networks that take bytes. */
  readonly range?: readonly [number, number];
  /** Of each channel, taken away after the range is set, and divided by. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** Examples in one run, where the network takes no other number. */
  readonly batch?: number;
  readonly outputs: { readonly [R in Role]?: string } & { readonly features: string };
  /** Whether `logits` are probabilities: their logarithm is taken. */
  readonly probabilities?: boolean;
}

/** What a file beside a model may say; everything else is read off the model. */
export type FeatureHints = Partial<Omit<FeatureSpec, "input" | "order" | "channels" | "batch">>;

interface Layout {
  readonly name: string;
  readonly matches: (facts: Facts) => boolean;
  readonly spec: (facts: Facts) => Partial<FeatureSpec>;
}

/** What the ports say. */
interface Facts {
  readonly image: ModelPort;
  readonly order: "nchw" | "nhwc";
  readonly size: readonly [number, number] | undefined;
  /** An output for each role, as far as its shape or name tells. */
  readonly pooled: ModelPort | undefined;
  readonly spatial: ModelPort | undefined;
  readonly logits: ModelPort | undefined;
}

const inception: readonly [number, number] = [299, 299];

/** The Inception networks that Fréchet distances are published with, by what they take and give. */
const layouts: readonly Layout[] = [
  {
    // TensorFlow's graph of 2015-12-05 subtracts 128 and divides by 128 itself.
    name: "inception, TensorFlow 2015",
    matches: ({ image, order, pooled }) => order === "nhwc" && image.type === "float32" && pooled !== undefined,
    spec: () => ({ size: inception, resize: "tf1-bilinear", range: [0, 255] }),
  },
  {
    // torch-fidelity and NVIDIA's detector take bytes of any size, and resize and scale them inside.
    name: "inception, bytes in",
    matches: ({ image, order, pooled }) => order === "nchw" && image.type === "uint8" && pooled !== undefined,
    spec: () => ({}),
  },
  {
    // pytorch-fid: [0, 1], scaled to [−1, 1] inside; feature maps of 1 × 1 pixels come out.
    name: "inception, pytorch-fid",
    matches: ({ image, order, pooled }) =>
      order === "nchw" && image.type === "float32" && pooled?.shape.slice(1).join() === "2048,1,1",
    spec: ({ size }) => ({ range: [0, 1], ...(size && { size, resize: "bilinear" }) }),
  },
];

/** The names of the layouts that are recognised. */
export const layoutNames: readonly string[] = layouts.map(({ name }) => name);

const count = (shape: readonly (number | string)[]) => shape.slice(1).reduce<number>((n, size) => n * Number(size), 1);

function factsOf(where: string, inputs: readonly ModelPort[], outputs: readonly ModelPort[]): Facts {
  const images = inputs.filter(({ shape }) => shape.length === 4);
  if (inputs.length !== 1 || images.length !== 1)
    throw new ConfigError(
      `${where}: a feature network has one input, of images [N, C, H, W] or [N, H, W, C]; it has ${showPorts(inputs)}.`,
    );
  const [image] = images;
  const [, c, h, w] = image.shape;
  const few = (size: number | string) => size === 1 || size === 3;
  const order = few(w) && !few(c) ? "nhwc" : "nchw";
  if (image.type !== "uint8" && image.type !== "float32")
    throw new ConfigError(`${where}: takes images of ${image.type} (uint8 or float32).`);
  const sides = order === "nchw" ? [h, w] : [c, h];
  const fixed = sides.every((side) => typeof side === "number" && side > 0);
  const has = (...names: string[]) => outputs.find(({ name }) => names.some((part) => name.includes(part)));
  return {
    image,
    order,
    size: fixed ? (sides as [number, number]) : undefined,
    pooled: outputs.find(({ name, shape }) => count(shape) === 2048 || (name === "2048" && shape.length === 2)),
    spatial: outputs.find(
      ({ shape }) => shape.length === 4 && [shape.slice(1, 3), shape.slice(2)].some((side) => side.join() === "17,17"),
    ),
    logits: has("unbiased") ?? outputs.find(({ shape }) => [1000, 1008].includes(count(shape))) ?? has("logits"),
  };
}

/**
 * How to feed a model: hints first, then what its layout says. A float network of no known layout needs hints, since
 * nothing in a model says which range it was trained for. `where` names the model in errors.
 */
export function featureSpec(
  where: string,
  inputs: readonly ModelPort[],
  outputs: readonly ModelPort[],
  hints: FeatureHints = {},
): FeatureSpec {
  const facts = factsOf(where, inputs, outputs);
  const { image, order, size, pooled, spatial, logits } = facts;
  const layout = hints.range || hints.outputs ? undefined : layouts.find(({ matches }) => matches(facts));
  const features = pooled ?? (outputs.length === 1 ? outputs[0] : undefined);
  const channels = Number(image.shape[order === "nchw" ? 1 : 3]);
  const [batch] = image.shape;
  const spec = {
    name: layout?.name ?? "custom",
    input: image.name,
    order,
    channels: Number.isInteger(channels) && channels > 0 ? channels : 3,
    ...(typeof batch === "number" && batch > 0 && { batch }),
    ...(size && { size, resize: "bilinear-antialias" as Resize }),
    outputs: {
      ...(features && { features: features.name }),
      ...(spatial && spatial !== features && { spatial: spatial.name }),
      ...(logits && logits !== features && { logits: logits.name }),
    },
    ...(logits && /softmax|prob/.test(logits.name) && { probabilities: true }),
    ...layout?.spec(facts),
    ...hints,
  };
  if (image.type === "float32" && spec.range === undefined)
    throw new ConfigError(
      `${where}: is of no known layout (${layoutNames.join("; ")}), and nothing in a model says which range it wants. Write ${where}.json, such as {"range": [-1, 1], "resize": "bilinear", "outputs": {"features": "${outputs[0]?.name}"}}.`,
    );
  const { features: used } = spec.outputs;
  if (used === undefined)
    throw new ConfigError(
      `${where}: which output holds the features? It has ${showPorts(outputs)}. Name it in ${where}.json: {"outputs": {"features": "…"}}.`,
    );
  if (image.type === "uint8" && size)
    throw new ConfigError(
      `${where}: takes bytes of ${size.join("×")} only; resized images are no bytes. Export it for any size, or for floats.`,
    );
  return { ...spec, outputs: { ...spec.outputs, features: used } };
}

/** Checks hints that a person wrote. */
export function parseHints(value: unknown, where: string): FeatureHints {
  const wrong = (what: string, expected: string): never => {
    throw new ConfigError(`${where}: ${what} must be ${expected}.`);
  };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return wrong("it", "a JSON object");
  const known = ["name", "size", "resize", "range", "mean", "std", "outputs", "probabilities"];
  const numbers = (list: unknown, length?: number) =>
    Array.isArray(list) && list.every(Number.isFinite) && (length === undefined || list.length === length);
  for (const [key, given] of Object.entries(value)) {
    if (!known.includes(key)) throw unknownName(`${where}: field`, key, known);
    if (key === "name" && typeof given !== "string") wrong(key, "text");
    if ((key === "size" || key === "range") && !numbers(given, 2)) wrong(key, "two numbers");
    if ((key === "mean" || key === "std") && !numbers(given)) wrong(key, "a number for each channel");
    if (key === "probabilities" && typeof given !== "boolean") wrong(key, "true or false");
    if (key === "resize" && !resizeNames.includes(given)) throw unknownName(`${where}: resize`, given, resizeNames);
    if (key !== "outputs") continue;
    if (typeof given?.features !== "string") wrong("outputs.features", "the name of an output");
    for (const [role, name] of Object.entries(given)) {
      if (!(roles as readonly string[]).includes(role)) throw unknownName(`${where}: outputs`, role, roles);
      if (typeof name !== "string") wrong(`outputs.${role}`, "the name of an output");
    }
  }
  return value;
}
