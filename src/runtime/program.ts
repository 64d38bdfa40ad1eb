/** Compiling a graph into an ONNX Runtime session, and running it. The only place where graphs become numbers. */
import { InferenceSession, Tensor } from "#ort";
import { GraphError, SessionError } from "../errors/index.ts";
import { type DType, type Expr, type OpAttrs, type Shape, showShape, sizeOf, topological } from "../graph/index.ts";
import { type Loop, toOnnx } from "../onnx/index.ts";
import { blockSize } from "./block-size.ts";
import { type Device, transposing, unavailable, writesInto } from "./device.ts";
import { emptySequence, refusesSequence, stopsBeforeCopies } from "./without-copies.ts";

export interface CompileOptions {
  /** Threads inside one op; 0 leaves the choice to ONNX Runtime, which takes the physical cores. */
  readonly threads?: number;
  readonly device?: Device;
  /** Writes a trace of every op to a file whose name starts with this; see {@link Program.endProfile}. */
  readonly profile?: string;
  /** Keeps freed memory for the next run; off saves memory and costs time. */
  readonly arena?: boolean;
}

/** Name, shape and dtype of what goes in or comes out. */
export interface Port {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Values by input name; integers for int64 inputs. */
export type Feeds = Readonly<Record<string, Float32Array | Float64Array | readonly number[] | Int32Array | Uint8Array>>;
export type Fetched = Record<string, Float32Array>;

/** A compiled graph, ready to run. */
export interface Program {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /**
   * Computes the outputs. Every input must be given and nothing else. Outputs named in `into` are written into that
   * memory and returned in it; the others are new arrays.
   */
  run(feeds: Feeds, into?: Readonly<Record<string, Float32Array>>): Promise<Fetched>;
  /** Stops profiling and finishes the trace. */
  endProfile(): void;
  /** Frees the session's memory; the program cannot run afterwards. */
  close(): Promise<void>;
}

/** Compiles the graph of `outputs`; its inputs are the input nodes they depend on. */
export async function compile(outputs: Readonly<Record<string, Expr>>, options: CompileOptions = {}): Promise<Program> {
  const { inputs, outputs: ports, run, endProfile, close } = await compileTensors(outputs, options);
  return {
    inputs,
    outputs: ports,
    async run(feeds, into = {}) {
      const given = ports.filter(({ name }) => name in into);
      const fetches = given.map(({ name, shape }) => [name, hostTensor(into[name], shape)] as const);
      const results = await run(bind(inputs, feeds), writesInto ? Object.fromEntries(fetches) : {});
      if (!writesInto) for (const { name } of given) into[name].set(results[name].data as Float32Array);
      return Object.fromEntries(ports.map(({ name }) => [name, into[name] ?? (results[name].data as Float32Array)]));
    },
    endProfile,
    close,
  };
}

/** A program of tensors, which may be on its device. */
export interface TensorProgram extends Omit<Program, "run"> {
  /** Computes the outputs from a tensor for every input; outputs in `into` are written there. */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    into?: Readonly<Record<string, Tensor>>,
  ): Promise<Readonly<Record<string, Tensor>>>;
}

export interface TensorOptions extends CompileOptions {
  /** Outputs that stay on the device; their tensors must be disposed of. */
  readonly held?: readonly string[];
  /** Outputs of which only the numbers in their order matter: their shape is that of the program's port. */
  readonly loose?: readonly string[];
  /** The graph is one turn of a loop; ports have the shapes of all turns. */
  readonly loop?: Loop;
}

/** Compiles as {@link compile} does. */
export async function compileTensors(
  outputs: Readonly<Record<string, Expr>>,
  { held = [], loose = [], loop, ...options }: TensorOptions,
): Promise<TensorProgram> {
  const inputs = topological(Object.values(outputs))
    .filter((node) => node.op === "input")
    .map((node) => node.attrs as OpAttrs["input"])
    .map((port) => (loop?.over.includes(port.name) ? { ...port, shape: [loop.times, ...port.shape] } : port));
  const block = await blockSize(options.device);
  const inPlace =
    Object.values(outputs).every(({ dtype }) => dtype === "float32") && (await stopsBeforeCopies(options.device));
  const model = toOnnx(outputs, {
    block,
    transposing: transposing[options.device ?? "cpu"],
    loose,
    ...(loop && { loop }),
    cacheBytes: cacheBytes(options.threads || cores),
    ...(inPlace && { emptySequence }),
  });
  const session = await createSession(model, block > 0, options, held);
  const shapes = loose.length > 0 || loop ? shapesOf(session) : new Map();
  const ports = Object.entries(outputs).map(([name, { shape, dtype }]) => ({
    name,
    shape: shapes.get(name) ?? shape,
    dtype,
  }));
  // Inputs that simplification found unused are accepted and not passed on.
  const used = new Set(session.inputNames);
  return {
    inputs,
    outputs: ports,
    async run(feeds, into = {}) {
      const given = Object.fromEntries(Object.entries(feeds).filter(([name]) => used.has(name)));
      const room = (shape: Shape) => (inPlace ? hostTensor(new Float32Array(sizeOf(shape)), shape) : null);
      const fetches = Object.fromEntries(ports.map(({ name, shape }) => [name, into[name] ?? room(shape)]));
      try {
        const results = await session.run(given, inPlace ? { [emptySequence]: null, ...fetches } : fetches);
        return results as Readonly<Record<string, Tensor>>;
      } catch (cause) {
        if (inPlace && refusesSequence(cause)) return fetches as Readonly<Record<string, Tensor>>;
        if (/requires f16/.test(messageOf(cause)))
          throw new SessionError(
            "--precision float16: this GPU, or its driver, has no float16 (shader-f16). Leave it out: float32 runs everywhere.",
            { cause },
          );
        const shown = Object.entries(feeds).map(([name, { type, dims }]) => `${name}: ${type} ${showShape(dims)}`);
        throw new SessionError(`run: ONNX Runtime failed: ${messageOf(cause)} Inputs were ${shown.join(", ")}.`, {
          cause,
        });
      }
    },
    endProfile: () => session.endProfiling(),
    close: () => session.release(),
  };
}

/** Node before version 21 does not tell. */
const cores = (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 4;

/** Bytes of an image that the second-level caches of so many cores hold beside what is made of it. */
const cacheBytes = (threads: number) => threads * 2 ** 19;

/** The shapes of a session's outputs, by name. */
const shapesOf = ({ outputMetadata }: InferenceSession): ReadonlyMap<string, Shape> =>
  new Map(outputMetadata.flatMap((one) => (one.isTensor ? [[one.name, one.shape as Shape]] : [])));

async function createSession(
  model: Uint8Array,
  isBlocked: boolean,
  { threads = 0, device = "cpu", profile, arena = true }: CompileOptions,
  held: readonly string[],
) {
  try {
    return await InferenceSession.create(model, {
      executionProviders: [device],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // Where convolutions are laid out here, ONNX Runtime's own passes find nothing to do, and take most of the time.
      graphOptimizationLevel: isBlocked ? "disabled" : "all",
      enableCpuMemArena: arena,
      // A plan of all memory at once is laid beside what the first run has used, and so takes twice as much.
      enableMemPattern: false,
      // Threads that wait for another run would spin, and take a core from whatever comes between.
      extra: { session: { force_spinning_stop: "1" } },
      logSeverityLevel: 3,
      ...(held.length > 0 && {
        preferredOutputLocation: Object.fromEntries(held.map((name) => [name, "gpu-buffer" as const])),
      }),
      ...(profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: profile }),
    });
  } catch (cause) {
    throw (
      unavailable(device, cause) ??
      new SessionError(`compile: ONNX Runtime refused the model: ${messageOf(cause)}`, { cause })
    );
  }
}

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));

/** Tensors for a program's inputs, one each. Throws GraphError for what is missing, unknown or of another size. */
export function bind(inputs: readonly Port[], feeds: Feeds): Record<string, Tensor> {
  const known = inputs.map(({ name }) => name);
  for (const name of Object.keys(feeds))
    if (!known.includes(name))
      throw new GraphError(`run: no input is named "${name}" (inputs are ${known.join(", ")}).`);
  return Object.fromEntries(
    inputs.map(({ name, shape, dtype }) => {
      const data = feeds[name];
      if (data === undefined) throw new GraphError(`run: no value given for input "${name}" ${showShape(shape)}.`);
      if (data.length !== sizeOf(shape))
        throw new GraphError(`run: input "${name}" has ${data.length} elements (${showShape(shape)} expected).`);
      return [name, tensor(data, shape, dtype)];
    }),
  );
}

/** A tensor of these very numbers, in the processor's memory. */
export const hostTensor = (data: Float32Array, shape: Shape): Tensor => new Tensor("float32", data, shape);

function tensor(data: Feeds[string], shape: Shape, dtype: DType): Tensor {
  if (dtype === "int64") return new Tensor("int64", BigInt64Array.from(data, BigInt), shape);
  if (dtype === "bool") return new Tensor("bool", Uint8Array.from(data), shape);
  return hostTensor(data instanceof Float32Array ? data : Float32Array.from(data), shape);
}
