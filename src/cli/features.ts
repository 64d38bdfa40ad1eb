/** `--features`: which network looks at images, and the one that is trained where none is brought. */
import { cacheFolder, type LoadedDataset } from "../data/files/index.ts";
import type { Dataset } from "../data/index.ts";
import { ConfigError, unknownName } from "../errors/index.ts";
import {
  type ClassifierStep,
  type Extractor,
  type OpenFeatureMap,
  pixelExtractor,
  pointExtractor,
} from "../evaluation/index.ts";
import { autoFeatureMap, autoFeatures, openFeatures } from "../runs/index.ts";
import type { Device } from "../runtime/index.ts";
import { grouped, type Terminal } from "./command.ts";
import { showing, shown } from "./eta.ts";

export const featureFlags = grouped("What to measure", {
  features: {
    type: "string",
    value: "auto|pixels|inception=FILE|onnx=FILE",
    default: "auto",
    help: "What is compared: answers of a network trained on the data, pixels, or an ONNX model's answers",
  },
});

/** What --features says. */
export type Chosen =
  | { readonly kind: "auto" | "pixels" }
  | { readonly kind: "inception" | "onnx"; readonly path: string };

/** Reads --features before anything is loaded. */
export function readFeatures(text: string): Chosen {
  const [kind, ...rest] = text.split("=");
  const path = rest.join("=");
  if ((kind === "auto" || kind === "pixels") && rest.length === 0) return { kind };
  if (kind !== "inception" && kind !== "onnx")
    throw unknownName("--features", text, ["auto", "pixels", "inception=FILE", "onnx=FILE"]);
  if (path === "") throw new ConfigError(`--features: ${kind} needs a file: ${kind}=FILE.onnx; got "${text}".`);
  return { kind, path };
}

export interface FeatureOptions {
  readonly threads: number;
  readonly device: Device;
}

/** The extractor that was chosen; `auto` learns from `dataset`, and is tested on what `heldOut` loads, if anything. */
export async function extractorFor(
  chosen: Chosen,
  dataset: Dataset | undefined,
  heldOut: () => Promise<LoadedDataset | undefined>,
  { threads, device }: FeatureOptions,
  terminal: Terminal,
): Promise<Extractor> {
  const options = { threads, device };
  const isPoints = dataset?.shape.length === 1;
  if (!("path" in chosen)) {
    if (isPoints) return pointExtractor;
    if (chosen.kind === "pixels") return pixelExtractor;
    if (!dataset)
      throw new ConfigError(
        "--features: auto learns from images, and the reference holds statistics only. Name the network that they were made with.",
      );
    const test = await heldOut();
    const training = autoFeatures(dataset, cacheFolder(), { ...options, ...(test && { heldOut: test }) });
    return trained(training, dataset, terminal);
  }
  const extractor = await openFeatures(chosen.path, options);
  if (chosen.kind === "inception" && !extractor.record.name.startsWith("inception")) {
    await extractor.close();
    throw new ConfigError(
      `--features: ${chosen.path} has none of the layouts that published Inception networks have. Use onnx=${chosen.path} if it is another network.`,
    );
  }
  return extractor;
}

/** The features of `auto`, to differentiate through. */
export function featureMapFor(
  dataset: Dataset,
  heldOut: Dataset | undefined,
  { threads, device }: FeatureOptions,
  terminal: Terminal,
): Promise<OpenFeatureMap> {
  const options = { threads, device, ...(heldOut && { heldOut }) };
  return trained(autoFeatureMap(dataset, cacheFolder(), options), dataset, terminal);
}

function trained<T>(training: AsyncGenerator<ClassifierStep, T, void>, { classes }: Dataset, terminal: Terminal) {
  const show = showing(terminal);
  const what = classes ? "training a feature network on the classes" : "training a feature network on turned images";
  return shown(training, ({ step, steps, loss }) => show(what, step, steps, `loss ${loss.toFixed(3)}`));
}

/** A network in a line: its name, its accuracy if it was trained here, the start of its hash. */
export function describeFeatures({ record: { name, hash, task, accuracy } }: Extractor): string {
  const trained =
    accuracy === undefined
      ? ""
      : `; right on ${(100 * accuracy).toFixed(1)} % of unseen ${task === "classes" ? "images" : "turned images"}`;
  return hash === "none" ? name : `${name}${trained} (${hash.slice(0, 8)})`;
}
