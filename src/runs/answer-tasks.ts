/** The thread's side of `task-thread.ts`. */
import { parentPort } from "node:worker_threads";

/** Answers each task with what `work` makes of it, and hands the memory of `moved` over. */
export function answerTasks<Task, Found>(
  work: (task: Task) => Found,
  moved: (found: Found) => readonly (ArrayBufferView<ArrayBuffer> | undefined)[],
): void {
  parentPort?.on("message", ({ id, task }: { readonly id: number; readonly task: Task }) => {
    try {
      const found = work(task);
      const buffers = moved(found).flatMap((view) => (view ? [view.buffer] : []));
      parentPort?.postMessage({ id, found }, buffers);
    } catch (error) {
      parentPort?.postMessage({ id, error });
    }
  });
}
