/** Matching pools of noise in a thread of its own, so that training goes on meanwhile. */
import { Worker } from "node:worker_threads";
import type { PoolMatcher } from "../training/index.ts";

/** What the thread answers. */
export type PoolAnswer =
  | { readonly id: number; readonly noise: Float32Array }
  | { readonly id: number; readonly error: unknown };

export interface OpenPoolMatcher {
  /** Takes the memory of the pool with it: its arrays are empty afterwards. */
  readonly match: PoolMatcher;
  /** Ends the thread; what it has not finished fails. */
  close(): Promise<void>;
}

/** Starts the thread. It does not keep the process alive. */
export function openPoolMatcher(): OpenPoolMatcher {
  const worker = new Worker(new URL("./pool-worker.js", import.meta.url));
  worker.unref();
  const waiting = new Map<number, { resolve(noise: Float32Array): void; reject(error: unknown): void }>();
  let failure: unknown;
  const fail = (error: unknown) => {
    failure ??= error;
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
  };
  worker.on("message", (answer: PoolAnswer) => {
    const waited = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ("error" in answer) waited?.reject(answer.error);
    else waited?.resolve(answer.noise);
    if (waiting.size === 0) worker.unref();
  });
  worker.on("error", fail);
  worker.on("exit", () => fail(new Error("internal: the thread that matches noise has ended.")));
  let next = 0;
  return {
    match: (pool) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) {
          reject(failure);
          return;
        }
        const id = next++;
        waiting.set(id, { resolve, reject });
        worker.ref();
        const { samples, noise, products } = pool;
        const moved = [samples.buffer, noise.buffer, products?.buffer];
        worker.postMessage(
          { id, pool },
          moved.filter((buffer) => buffer instanceof ArrayBuffer),
        );
      }),
    close: async () => {
      await worker.terminate();
    },
  };
}
