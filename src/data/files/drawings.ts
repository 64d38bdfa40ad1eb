/**
 * Image files of any origin. Files of pixels are decoded in this process. Drawings, and whatever else a file may be, are
 * decoded in others: the decoder of drawings has no bounds on time, and corrupts memory where two broken ones are read at
 * once.
 */
import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import { availableParallelism } from "node:os";
import { ConfigError } from "../../errors/index.ts";
import type { DrawingAnswer, DrawingTask } from "./drawing-worker.ts";
import { decodeHeader, decodeImage, type RasterHeader, type RasterShape } from "./raster.ts";

/** The header of a file, or of its bytes; what is no image, or too large a one, throws. */
export async function readHeader(input: string | Uint8Array): Promise<RasterHeader> {
  return hasPixels(input) ? decodeHeader(input) : (ask({ input }) as Promise<RasterHeader>);
}

/** An image in its frame, as `decodeImage` has it. */
export async function readImage(input: string | Uint8Array, shape: RasterShape): Promise<Uint8Array | Float32Array> {
  return hasPixels(input) ? decodeImage(input, shape) : (ask({ input, shape }) as Promise<Uint8Array | Float32Array>);
}

/** How files of pixels begin: PNG, JPEG, WebP, GIF, TIFF in either byte order. */
const beginnings = ["\x89PNG", "\xff\xd8", "RIFF", "GIF8", "II", "MM"];

function hasPixels(input: string | Uint8Array): boolean {
  const head = Buffer.alloc(4);
  if (typeof input === "string") {
    const file = openSync(input, "r");
    try {
      readSync(file, head, 0, 4, 0);
    } finally {
      closeSync(file);
    }
  } else head.set(input.subarray(0, 4));
  const text = head.toString("latin1");
  return beginnings.some((beginning) => text.startsWith(beginning));
}

/** No drawing is worth more. */
const patienceSeconds = 60;
const mostProcesses = Math.min(4, availableParallelism());

const idle: ChildProcess[] = [];
const waiting: (() => void)[] = [];
let busy = 0;

/** Gives a task to a process that has none, one at a time to each. A process that dies of it is replaced. */
async function ask(task: DrawingTask): Promise<unknown> {
  if (busy < mostProcesses) busy++;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    const answer = await answerOf(idle.pop() ?? start(), task);
    if ("found" in answer) return answer.found;
    throw new ConfigError(answer.reason);
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

function answerOf(child: ChildProcess, task: DrawingTask): Promise<DrawingAnswer> {
  return new Promise((resolve) => {
    const done = (answer: DrawingAnswer) => {
      clearTimeout(timer);
      child.off("message", answered).off("exit", crashed).off("error", failed);
      resolve(answer);
    };
    const lost = (reason: string) => {
      child.kill("SIGKILL");
      done({ reason });
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
