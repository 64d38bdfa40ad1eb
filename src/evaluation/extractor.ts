/** From examples to feature vectors, by a network or by nothing at all. */
import { elements } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import type { Features } from "../metrics/index.ts";
import type { Model } from "../runtime/index.ts";
import { areImages, type Examples, type Images, sliceExamples } from "./examples.ts";
import type { FeatureSpec, Role } from "./feature-spec.ts";
import { resizer } from "./resize.ts";

/** A row of numbers for each example. */
export interface Rows extends Features {
  readonly data: Float32Array;
}

/** What an extractor makes of examples, by what it is used for. */
export type Extracted = { readonly [R in Role]?: Rows } & { readonly features: Rows };

/** What identifies features: distances of others do not compare. */
export interface ExtractorRecord {
  readonly name: string;
  /** SHA-256 of the network, in hex; "none" where there is no network. */
  readonly hash: string;
  /** How a network trained here came about: what it learnt, and its accuracy on examples that it had not seen. */
  readonly task?: string;
  readonly accuracy?: number;
}

export interface Extractor {
  readonly record: ExtractorRecord;
  readonly roles: readonly Role[];
  extract(examples: Examples): Promise<Extracted>;
  close(): Promise<void>;
}

/** The numbers themselves: pixels in [−1, 1], or the coordinates of points. */
const plain = (name: string): Extractor => ({
  record: { name, hash: "none" },
  roles: ["features"],
  extract: ({ data, count, shape }) => {
    const values = data instanceof Uint8Array ? Float32Array.from(data, (byte) => byte / 127.5 - 1) : data;
    return Promise.resolve({ features: { data: values, count, dims: elements(shape) } });
  },
  close: () => Promise.resolve(),
});

/** Images as they are. */
export const pixelExtractor = plain("pixels");
/** Points as they are. */
export const pointExtractor = plain("coordinates");

/** Images in one run of a network that takes any number. */
const defaultBatch = 32;

/** An extractor from a loaded model, fed as `spec` says. */
export function networkExtractor(model: Model, spec: FeatureSpec, record: ExtractorRecord): Extractor {
  const outputs = Object.entries(spec.outputs) as [Role, string][];
  const batch = spec.batch ?? defaultBatch;
  return {
    record,
    roles: outputs.map(([role]) => role),
    async extract(images) {
      if (!areImages(images))
        throw new ConfigError(`features ${record.name}: takes images; got points. Leave --features out for points.`);
      const rows: { [R in Role]?: Rows } = {};
      for (let start = 0; start < images.count; start += batch) {
        const end = Math.min(start + batch, images.count);
        const count = spec.batch ?? end - start;
        const fed = feed(sliceExamples(images, start, end) as Images, spec, count);
        const names = outputs.map(([, name]) => name);
        const results = await model.run({ [spec.input]: fed }, names);
        for (const [role, name] of outputs) {
          const { data, shape } = results[name];
          if (shape[0] !== count)
            throw new ConfigError(`${record.name}: output "${name}" is [${shape.join(", ")}] for ${count} images.`);
          const values = role === "spatial" ? firstMaps(data, shape) : data;
          const dims = values.length / count;
          rows[role] ??= { data: new Float32Array(images.count * dims), count: images.count, dims };
          rows[role].data.set(values.subarray(0, (end - start) * dims), start * dims);
        }
      }
      const { features, logits } = rows;
      if (!features) throw new ConfigError(`features ${record.name}: got no images.`);
      if (!spec.probabilities || !logits) return { ...rows, features };
      const data = logits.data.map((p) => Math.log(Math.max(p, 1e-30)));
      return { ...rows, features, logits: { ...logits, data } };
    },
    close: () => model.close(),
  };
}

/** Images as the network takes them, with copies of the last where there are fewer than `rows`. */
function feed({ shape, count, data }: Images, spec: FeatureSpec, rows: number) {
  const [own, height, width] = shape;
  const { channels, order, size = [height, width], resize = "bilinear", range, mean, std } = spec;
  if (own !== channels && own !== 1)
    throw new ConfigError(`features ${spec.name}: takes ${channels} channels; the images have ${own}.`);
  const plane = size[0] * size[1];
  const stride = channels * plane;
  const resized = resizer(resize, [height, width], size);
  const one = new Float32Array(own * height * width);
  const image = new Float32Array(own * plane);
  const out = new Float32Array(rows * stride);
  const [low, high] = range ?? [0, 255];
  for (let i = 0; i < rows; i++) {
    const at = Math.min(i, count - 1) * one.length;
    for (let k = 0; k < one.length; k++) one[k] = data[at + k];
    resized(one, image, 0);
    for (let c = 0; c < channels; c++) {
      const from = (own === 1 ? 0 : c) * plane;
      const divisor = std?.[c] ?? 1;
      const scale = (high - low) / 255 / divisor;
      const shift = (low - (mean?.[c] ?? 0)) / divisor;
      const to = i * stride + (order === "nchw" ? c * plane : c);
      const step = order === "nchw" ? 1 : channels;
      for (let p = 0; p < plane; p++) out[to + p * step] = image[from + p] * scale + shift;
    }
  }
  const fedShape = order === "nchw" ? [rows, channels, ...size] : [rows, ...size, channels];
  return { shape: fedShape, data: range === undefined ? Uint8Array.from(out) : out };
}

/** Maps that sFID looks at: the first 7 channels of each feature map (Nash et al. 2021). */
const spatialChannels = 7;

function firstMaps(data: Float32Array, shape: readonly number[]): Float32Array {
  const [rows, a, b, c] = shape;
  if (shape.length !== 4) return data;
  const channelsLast = a === b && b !== c;
  const [channels, plane] = channelsLast ? [c, a * b] : [a, b * c];
  const kept = Math.min(spatialChannels, channels);
  const out = new Float32Array(rows * kept * plane);
  for (let i = 0; i < rows; i++)
    for (let k = 0; k < kept; k++)
      for (let p = 0; p < plane; p++)
        out[(i * kept + k) * plane + p] =
          data[i * channels * plane + (channelsLast ? p * channels + k : k * plane + p)];
  return out;
}
