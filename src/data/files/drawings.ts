/**
 * Image files of any origin. Files of pixels are decoded in this process. Drawings, and whatever else has a tag, are
 * decoded in others: the decoder of drawings has no bounds on time, and corrupts memory where two broken ones are read at
 * once.
 */
import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import { availableParallelism } from "node:os";
import { ConfigError } from "../../errors/index.ts";
import type { DrawingAnswer, DrawingTask } from "./drawing-worker.ts";
import { decodeHeader, decodeImage, formats, type RasterHeader, type RasterShape } from "./raster.ts";

/** The header of a file, or of its bytes; what is no image, or too large a one, throws. */
export async function readHeader(input: string | Uint8Array): Promise<RasterHeader> {
  return kindOf(input) === "pixels" ? decodeHeader(input) : (ask({ input }) as Promise<RasterHeader>);
}

/** An image in its frame, as `decodeImage` has it. */
export async function readImage(input: string | Uint8Array, shape: RasterShape): Promise<Uint8Array | Float32Array> {
  return kindOf(input) === "pixels"
    ? decodeImage(input, shape)
    : (ask({ input, shape }) as Promise<Uint8Array | Float32Array>);
}

/** How files of pixels begin: PNG, JPEG, WebP, GIF, TIFF in either byte order. */
const beginnings = ["\x89PNG", "\xff\xd8", "RIFF", "GIF8", "II", "MM"];
/** Within so many bytes a drawing has its first tag. */
const firstBytes = 1024;

function kindOf(input: string | Uint8Array): "pixels" | "drawing" {
  const head = typeof input === "string" ? headOf(input) : Buffer.from(input.subarray(0, firstBytes));
  const text = head.toString("latin1");
  if (beginnings.some((beginning) => text.startsWith(beginning))) return "pixels";
  if (text.includes("<")) return "drawing";
  throw new ConfigError(head.length === 0 ? "it is empty" : `it is none of ${formats.join(", ")}`);
}

function headOf(path: string): Buffer {
  const head = Buffer.alloc(firstBytes);
  const file = openSync(path, "r");
  try {
    return head.subarray(0, readSync(file, head, 0, firstBytes, 0));
  } finally {
    closeSync(file);
  }
}

/** No drawing is worth more. */
const patienceSeconds = 30;
/** A process may end for other reasons than its drawing. */
const attempts = 2;
const mostProcesses = Math.min(4, availableParallelism());

const idle: ChildProcess[] = [];
const waiting: (() => void)[] = [];
let busy = 0;

/** Gives a task to a process that has none, one at a time to each. Where the process dies, another tries once more. */
async function ask(task: DrawingTask): Promise<unknown> {
  if (busy < mostProcesses) busy++;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    for (let attempt = 1; ; attempt++) {
      const answer = await answerOf((attempt === 1 && idle.pop()) || start(), task);
      if ("found" in answer) return answer.found;
      if (!answer.lost || attempt === attempts) throw new ConfigError(answer.reason);
    }
  } finally {
    const next = waiting.shift();
    if (next) next();
    else busy--;
  }
}

/** A process that does not keep this one alive, and ends with it. */
function start(): ChildProcess {
  const child = fork(new URL("./drawing-worker.js", import.meta.url), {
    serialization: "advanced",
    // Of a process that is about to die, nobody needs the last words.
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    execArgv: [],
  });
  child.unref();
  child.channel?.unref();
  // One that dies while it is idle.
  child.on("error", () => {});
  child.on("exit", () => idle.includes(child) && idle.splice(idle.indexOf(child), 1));
  return child;
}

function answerOf(child: ChildProcess, task: DrawingTask): Promise<DrawingAnswer & { readonly lost?: boolean }> {
  return new Promise((resolve) => {
    const done = (answer: DrawingAnswer & { readonly lost?: boolean }) => {
      clearTimeout(timer);
      child.off("message", answered).off("exit", crashed).off("error", failed);
      resolve(answer);
    };
    const lost = (reason: string) => {
      child.kill("SIGKILL");
      done({ reason, lost: true });
    };
    const answered = (answer: unknown) => {
      idle.push(child);
      done(answer as DrawingAnswer);
    };
    const crashed = () => lost("its decoder crashed");
    const failed = (error: Error) => lost(`its decoder cannot be started: ${error.message}`);
    // The timer also keeps this process alive while it waits.
    const timer = setTimeout(() => lost(`drawing it takes more than ${patienceSeconds} s`), 1000 * patienceSeconds);
    child.on("message", answered).on("exit", crashed).on("error", failed);
    child.send(task, (error) => error && crashed());
  });
}
