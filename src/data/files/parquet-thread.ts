/** Asks the thread that parses Parquet files, and stops it when it takes too long or too much. */
import { Worker } from "node:worker_threads";
import { ConfigError, reasonOf } from "../../errors/index.ts";
import type { TableAnswer, TableTasks } from "./parquet-worker.ts";

/** A parser of Parquet files that cannot hang or exhaust the program. */
export interface TableThread {
  /** Does one task after the other. Whatever goes wrong with a file is a ConfigError. */
  ask<T extends keyof TableTasks>(task: T, given: TableTasks[T]["given"]): Promise<TableTasks[T]["found"]>;
  close(): Promise<void>;
}

/** For JavaScript's own objects; the bytes of images do not count. */
const resourceLimits = { maxOldGenerationSizeMb: 1024 };

/** Starts a thread at the first task. `patience` is how many seconds a task may take: groups of rows take one or two. */
export function tableThread({ patience = 60 }: { readonly patience?: number } = {}): TableThread {
  let worker: Worker | undefined;
  let last: Promise<unknown> = Promise.resolve();

  async function run(path: string, message: unknown): Promise<unknown> {
    worker ??= new Worker(new URL("./parquet-worker.js", import.meta.url), { resourceLimits });
    const running = worker;
    let timer: NodeJS.Timeout | undefined;
    const stopped = (reason: string) => ({ reason, fatal: true });
    const answer = await new Promise<TableAnswer & { readonly fatal?: boolean }>((resolve) => {
      timer = setTimeout(() => resolve(stopped(`it takes more than ${patience} s`)), 1000 * patience);
      running.removeAllListeners();
      running.on("message", resolve);
      running.on("error", (error) => resolve(stopped(reasonOf(error))));
      running.on("exit", () => resolve(stopped("the parser ended")));
      running.postMessage(message);
    });
    clearTimeout(timer);
    if (answer.fatal) {
      worker = undefined;
      await running.terminate();
    }
    if ("found" in answer) return answer.found;
    throw new ConfigError(`${path}: is no Parquet file, or damaged: ${answer.reason}.`);
  }

  return {
    ask<T extends keyof TableTasks>(task: T, given: TableTasks[T]["given"]) {
      const answer = last.then(() => run(given.path, { task, ...given }));
      last = answer.catch(() => undefined);
      return answer as Promise<TableTasks[T]["found"]>;
    },
    async close() {
      await last;
      await worker?.terminate();
    },
  };
}
