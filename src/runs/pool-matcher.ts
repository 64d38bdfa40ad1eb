/** Matching pools of noise in a thread of its own, so that training goes on meanwhile. */
import type { PoolMatcher } from "../training/index.ts";
import type { Pool } from "../transport/index.ts";
import { openTaskThread } from "./task-thread.ts";

export interface OpenPoolMatcher {
  /** Takes the memory of the pool with it: its arrays are empty afterwards. */
  readonly match: PoolMatcher;
  /** Ends the thread; what it has not finished fails. */
  close(): Promise<void>;
}

/** Starts the thread. It does not keep the process alive. */
export function openPoolMatcher(): OpenPoolMatcher {
  const { ask, close } = openTaskThread<Pool, Float32Array>(new URL("./pool-worker.js", import.meta.url));
  return {
    match: (pool) =>
      ask(pool, [pool.samples.buffer, pool.noise.buffer, ...(pool.products ? [pool.products.buffer] : [])]),
    close,
  };
}
