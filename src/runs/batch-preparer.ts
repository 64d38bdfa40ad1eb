/** Preparing the next update's micro-batches in threads of their own, while the present one is computed. */
import { availableParallelism } from "node:os";
import type { Preparation, PreparationTask } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import type { Preparer } from "../training/index.ts";
import { openTaskThread } from "./task-thread.ts";

export interface OpenBatchPreparer {
  /** Takes the memory of the examples with it. */
  readonly prepare: Preparer;
  /** Ends the threads; what they have not finished fails. */
  close(): Promise<void>;
}

/** As many as there are processors besides one, and no more than are ever needed. */
const defaultThreads = () => Math.max(1, Math.min(4, availableParallelism() - 1));

/** Starts the threads, which take the tasks in turn. They do not keep the process alive. */
export function openBatchPreparer(threads: number = defaultThreads()): OpenBatchPreparer {
  if (!(Number.isSafeInteger(threads) && threads >= 1))
    throw new ConfigError(`openBatchPreparer: threads: must be a whole number of 1 at least; got ${threads}.`);
  const script = new URL("./batch-worker.js", import.meta.url);
  const open = Array.from({ length: threads }, () => openTaskThread<PreparationTask, Preparation>(script));
  let next = 0;
  return {
    prepare: (task) => open[next++ % threads].ask(task, [task.x.buffer]),
    close: async () => {
      await Promise.all(open.map((thread) => thread.close()));
    },
  };
}
