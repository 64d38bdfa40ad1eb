/** The machine: Node, threads, memory, disk, and whether ONNX Runtime computes what it should. */
import { accessSync, constants, existsSync, readdirSync, statfsSync, statSync } from "node:fs";
import { availableParallelism, freemem, loadavg } from "node:os";
import { dirname, join } from "node:path";
import { cacheFolder } from "../../data/files/index.ts";
import { constant, input } from "../../graph/index.ts";
import { compile } from "../../runtime/index.ts";
import { bytes } from "../terminal.ts";
import { type Finding, found, short } from "./finding.ts";

const oldestNode = [20, 19] as const;
const [littleMemory, littleDisk] = [2 * 2 ** 30, 2 ** 30];

/** Yields findings about the machine. */
export async function* checkMachine(): AsyncGenerator<Finding> {
  yield node();
  yield* threads();
  yield memory();
  yield* cache();
  yield await arithmetic();
}

function node(): Finding {
  const say = found("node");
  const [major, minor] = process.versions.node.split(".").map(Number);
  const old = major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1]);
  return old
    ? say.error(`Node ${process.versions.node}`, `Install Node ${oldestNode.join(".")} or later.`)
    : say.ok(`Node ${process.versions.node}`);
}

function* threads(): Generator<Finding> {
  const say = found("threads");
  const [cores, [load]] = [availableParallelism(), loadavg()];
  if (load > cores + 0.5)
    yield say.warning(
      `${cores} threads, and ${short(load)} processes want to run`,
      "Training shares the processor with them and is slower: stop what is not needed.",
    );
  else yield say.ok(`${cores} threads, load ${short(load)}`);
}

function memory(): Finding {
  const say = found("memory");
  // In a container the limit is what counts, where Node knows it.
  const limit = process.constrainedMemory?.() ?? 0;
  const free = limit > 0 && limit < 2 ** 50 ? Math.min(freemem(), limit - process.memoryUsage().rss) : freemem();
  return free < littleMemory
    ? say.warning(`${bytes(free)} free`, "Close other programs, or train with a smaller --micro-batch.")
    : say.ok(`${bytes(free)} free`);
}

function* cache(): Generator<Finding> {
  const say = found("cache");
  const folder = cacheFolder();
  let existing = folder;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  try {
    accessSync(existing, constants.W_OK);
  } catch {
    yield say.warning(
      `${folder} cannot be written to`,
      "Decoded data and feature networks are made anew every time: set ORNSTEIN_CACHE to a folder that can.",
    );
    return;
  }
  const { bavail, bsize } = statfsSync(existing);
  const free = Number(bavail) * Number(bsize);
  const files = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  const used = files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
  const text = `${folder}: ${files.length} files, ${bytes(used)}; ${bytes(free)} free`;
  if (free < littleDisk)
    yield say.warning(
      text,
      "Free some space: checkpoints and caches will not fit. Files in the cache can be deleted at will.",
    );
  else yield say.ok(text);
}

/** A sum of products with a known answer, by the engine. */
async function arithmetic(): Promise<Finding> {
  const say = found("engine");
  const n = 64;
  const a = Float32Array.from({ length: n * n }, (_, i) => Math.sin(i));
  const x = Float32Array.from({ length: n }, (_, i) => Math.cos(i));
  try {
    const program = await compile({ y: input("x", [1, n]).matmul(constant(a, [n, n])) });
    const { y } = await program.run({ x });
    await program.close();
    let worst = 0;
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += x[i] * a[i * n + j];
      worst = Math.max(worst, Math.abs(sum - y[j]));
    }
    return worst < 1e-4
      ? say.ok(`ONNX Runtime multiplies matrices, to ${worst.toExponential(0)}`)
      : say.error(`ONNX Runtime's products are off by ${short(worst)}`, "Reinstall onnxruntime-node: npm ci.");
  } catch (error) {
    return say.error(
      `ONNX Runtime does not run: ${error instanceof Error ? error.message.split("\n")[0] : error}`,
      "Reinstall it: npm ci.",
    );
  }
}
