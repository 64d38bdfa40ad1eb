/** Progress lines with a bar and the time that is left. */
import type { Terminal } from "./command.ts";
import { duration } from "./terminal.ts";

/** Shows how far work has come. What was done at the first call does not count for the speed. */
export type Showing = (what: string, done: number, total: number, note?: string) => void;

/** Progress lines of one command: each new `what` is timed from its first line on. Throws if the command was stopped. */
export function showing(terminal: Terminal): Showing {
  let current: { readonly what: string; readonly at: number; readonly done: number } | undefined;
  return (what, done, total, note) => {
    const now = performance.now();
    if (current?.what !== what) current = { what, at: now, done };
    const seconds = (now - current.at) / 1000;
    const rate = (done - current.done) / seconds;
    const left = rate > 0 && seconds > 1 ? `  ${duration((total - done) / rate)} left` : "";
    const share = total > 0 ? done / total : 0;
    terminal.progress(`${[what, ...(note === undefined ? [] : [note])].join(", ")}${left}`, share);
    terminal.signal.throwIfAborted();
  };
}

/** Runs work to its end, showing each of its steps. */
export async function shown<T, R>(work: AsyncGenerator<T, R, void>, show: (step: T) => void): Promise<R> {
  try {
    for (;;) {
      const next = await work.next();
      if (next.done) return next.value;
      show(next.value);
    }
  } finally {
    // What was stopped in between cleans up.
    await work.return(undefined as R);
  }
}
