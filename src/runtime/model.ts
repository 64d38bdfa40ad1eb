/** Foreign models: an ONNX file that somebody else wrote, run by the names of what goes in and comes out. */
import { InferenceSession, Tensor } from "#ort";
import { ConfigError, SessionError } from "../errors/index.ts";
import { halfValue } from "../graph/index.ts";
import { type Device, unavailable } from "./device.ts";

export interface LoadModelOptions {
  /** Threads inside one op; 0 leaves the choice to ONNX Runtime, which takes the physical cores. */
  readonly threads?: number;
  readonly device?: Device;
  /** Names the model in errors; the path, if it is loaded from one. */
  readonly where?: string;
}

/** An input or output of a foreign model. Sizes that the model leaves open are names, such as "batch". */
export interface ModelPort {
  readonly name: string;
  readonly shape: readonly (number | string)[];
  /** ONNX Runtime's name of the element type, such as "float32" or "uint8". */
  readonly type: string;
}

/** A value for an input, or of an output. */
export interface ModelValue {
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint8Array;
}

export interface Model {
  readonly inputs: readonly ModelPort[];
  readonly outputs: readonly ModelPort[];
  /** Computes the outputs named in `wanted` (all, if left out) from a value for every input. */
  run(feeds: Readonly<Record<string, ModelValue>>, wanted?: readonly string[]): Promise<Record<string, ModelOutput>>;
  /** Frees the model's memory; it cannot run afterwards. */
  close(): Promise<void>;
}

/** Outputs of any element type come as float32. */
export interface ModelOutput {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Loads an ONNX model from a path or from its bytes. Throws SessionError where it cannot be loaded. */
export async function loadModel(
  source: string | Uint8Array,
  { threads = 0, device = "cpu", where = typeof source === "string" ? source : "model" }: LoadModelOptions = {},
): Promise<Model> {
  const session = await open(source, where, threads, device);
  const inputs = session.inputMetadata.map(port);
  const outputs = session.outputMetadata.map(port);

  return {
    inputs,
    outputs,
    async run(feeds, wanted = outputs.map(({ name }) => name)) {
      for (const name of Object.keys(feeds)) find(where, "input", name, inputs);
      const tensors = Object.fromEntries(inputs.map((input) => [input.name, tensor(where, input, feeds[input.name])]));
      for (const name of wanted) find(where, "output", name, outputs);
      try {
        const results = await session.run(tensors, [...wanted]);
        return Object.fromEntries(wanted.map((name) => [name, value(where, name, results[name])]));
      } catch (cause) {
        if (cause instanceof SessionError) throw cause;
        const shown = Object.entries(tensors).map(([name, { type, dims }]) => `${name}: ${type} [${dims.join(", ")}]`);
        throw new SessionError(`${where}: cannot be run: ${messageOf(cause)} Inputs were ${shown.join("; ")}.`, {
          cause,
        });
      }
    },
    close: () => session.release(),
  };
}

/** A model's ports in one line, for errors: `x: float32 [N, 3, 299, 299]`. */
export const showPorts = (ports: readonly ModelPort[]): string =>
  ports.map(({ name, type, shape }) => `${name}: ${type} [${shape.join(", ")}]`).join("; ");

async function open(source: string | Uint8Array, where: string, threads: number, device: Device) {
  const options = {
    executionProviders: [device],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
  } as const;
  try {
    return await (typeof source === "string"
      ? InferenceSession.create(source, options)
      : InferenceSession.create(source, options));
  } catch (cause) {
    throw (
      unavailable(device, cause) ??
      new SessionError(`${where}: is no ONNX model that can be loaded: ${messageOf(cause)}`, { cause })
    );
  }
}

function port(metadata: InferenceSession.ValueMetadata): ModelPort {
  return metadata.isTensor
    ? { name: metadata.name, shape: metadata.shape, type: metadata.type }
    : { name: metadata.name, shape: [], type: "no tensor" };
}

function find(where: string, kind: "input" | "output", name: string, ports: readonly ModelPort[]): void {
  if (!ports.some((known) => known.name === name))
    throw new ConfigError(`${where}: has no ${kind} named ${JSON.stringify(name)} (${kind}s are ${showPorts(ports)}).`);
}

function tensor(where: string, { name, type, shape }: ModelPort, given: ModelValue | undefined): Tensor {
  if (!given) throw new ConfigError(`${where}: no value is given for its input ${JSON.stringify(name)}.`);
  const sized = (size: number | string, axis: number) =>
    typeof size === "string" || size < 0 || size === given.shape[axis];
  const fits = shape.length === 0 || (shape.length === given.shape.length && shape.every(sized));
  const wanted = given.data instanceof Uint8Array ? "uint8" : "float32";
  if (!fits || type !== wanted)
    throw new ConfigError(
      `${where}: input ${JSON.stringify(name)} takes ${type} [${shape.join(", ")}]; got ${wanted} [${given.shape.join(", ")}].`,
    );
  return new Tensor(wanted, given.data, given.shape);
}

function value(where: string, name: string, { data, dims, type }: Tensor): ModelOutput {
  if (data instanceof Float32Array) return { shape: dims, data };
  if (type === "float16" && data instanceof Uint16Array)
    return { shape: dims, data: Float32Array.from(data, halfValue) };
  if (Array.isArray(data)) throw new SessionError(`${where}: output ${JSON.stringify(name)} holds text, not numbers.`);
  return { shape: dims, data: Float32Array.from(data as ArrayLike<number | bigint>, Number) };
}

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));
