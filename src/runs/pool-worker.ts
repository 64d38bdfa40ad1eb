/** The thread of `pool-matcher.ts`: answers each pool with its noises, matched. */
import { parentPort } from "node:worker_threads";
import { matchPool, type Pool } from "../transport/index.ts";
import type { PoolAnswer } from "./pool-matcher.ts";

parentPort?.on("message", ({ id, pool }: { readonly id: number; readonly pool: Pool }) => {
  try {
    const noise = matchPool(pool);
    parentPort?.postMessage({ id, noise } satisfies PoolAnswer, [noise.buffer]);
  } catch (error) {
    parentPort?.postMessage({ id, error } satisfies PoolAnswer);
  }
});
