/** A thread that answers tasks, so that training goes on meanwhile. */
import { Worker } from "node:worker_threads";

type Answer = { readonly id: number; readonly found: unknown } | { readonly id: number; readonly error: unknown };

export interface TaskThread<Task, Found> {
  /** What the thread makes of a task. Memory in `moved` goes to the thread: its arrays are empty afterwards. */
  ask(task: Task, moved: readonly ArrayBufferLike[]): Promise<Found>;
  /** Ends the thread; what it has not finished fails. */
  close(): Promise<void>;
}

/** Starts the thread of a script that calls {@link answerTasks}. It does not keep the process alive. */
export function openTaskThread<Task, Found>(script: URL): TaskThread<Task, Found> {
  const worker = new Worker(script);
  worker.unref();
  const waiting = new Map<number, { resolve(found: Found): void; reject(error: unknown): void }>();
  let failure: unknown;
  const fail = (error: unknown) => {
    failure ??= error;
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
  };
  worker.on("message", (answer: Answer) => {
    const waited = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ("error" in answer) waited?.reject(answer.error);
    else waited?.resolve(answer.found as Found);
    if (waiting.size === 0) worker.unref();
  });
  worker.on("error", fail);
  worker.on("exit", () => fail(new Error("internal: the thread has ended.")));
  let next = 0;
  return {
    ask: (task, moved) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) {
          reject(failure);
          return;
        }
        const id = next++;
        waiting.set(id, { resolve, reject });
        worker.ref();
        worker.postMessage(
          { id, task },
          moved.filter((buffer) => buffer instanceof ArrayBuffer),
        );
      }),
    close: async () => {
      await worker.terminate();
    },
  };
}
