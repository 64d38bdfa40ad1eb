/** Answers the bench's requests on standard input; what an engine's process runs. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Job, Requests } from "./protocol.ts";

/** What an engine can do: a function for each request, or none where it cannot. */
export type Engine = {
  readonly [K in keyof Requests]?: (request: Requests[K]["request"]) => Promise<Requests[K]["answer"]>;
};

/** Reads the job that the process was started with, then answers until standard input ends. */
export async function serve(create: (job: Job) => Promise<Engine>): Promise<void> {
  const engine: Engine = await create(JSON.parse(readFileSync(process.argv[2], "utf8")));
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: what, ...request } = JSON.parse(line) as { do: keyof Requests };
    const answer = await answerTo(engine, what, request);
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

async function answerTo<K extends keyof Requests>(engine: Engine, what: K, request: object) {
  const method = engine[what];
  if (!method) return { refused: `cannot do "${what}"` };
  try {
    return await method(request as Requests[K]["request"]);
  } catch (error) {
    return { refused: error instanceof Error ? error.message : String(error) };
  }
}

/** The values of a float32 file. */
export function floats(file: string): Float32Array {
  const { buffer, byteOffset, byteLength } = readFileSync(file);
  return new Float32Array(buffer, byteOffset, byteLength / Float32Array.BYTES_PER_ELEMENT);
}

/** Values and shape of every input, and of the target. */
export function jobInputs({ inputs }: Job): Record<string, { data: Float32Array; shape: readonly number[] }> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, [file, shape]]) => [name, { data: floats(file), shape }]),
  );
}

/** Runs `work` `count` times and says how long that took. */
export async function timed(count: number, work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  for (let i = 0; i < count; i++) await work();
  return (performance.now() - started) / 1000;
}

/** The most memory that this process has held. (Node's maxRSS would count the parent's from before exec.) */
export function peakBytes(): number {
  try {
    return Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
