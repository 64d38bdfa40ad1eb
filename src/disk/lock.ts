/** Locks between processes, as files: each names its holder, so that one whose holder was killed is taken over. */
import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";

/** Who holds a lock. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Tells apart processes that got the same number one after the other; empty where the system does not say. */
  readonly started: string;
}

/** A lock that this process holds. */
export interface Lock {
  readonly path: string;
  /** Gives it back. Safe to call twice. */
  release(): void;
}

/** When a process began, as the system counts it; undefined if there is none of that number, "" if it does not say. */
function startOf(pid: number): string | undefined {
  if (process.platform === "linux")
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      // The command, in parentheses, may hold anything; state is the first field after it, the start the twentieth.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields[0] === "Z" || fields[0] === "X") return undefined;
      return `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()} ${fields[19]}`;
    } catch {
      // No such process, or no /proc.
    }
  try {
    process.kill(pid, 0);
    return "";
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM" ? "" : undefined;
  }
}

/** This process as a holder. */
export const thisProcess = (): Holder => ({
  pid: process.pid,
  host: hostname(),
  started: startOf(process.pid) ?? "",
});

/** Whether a holder is still there. Of other machines nothing is known: their processes count as alive. */
export function isAlive({ pid, host, started }: Holder): boolean {
  if (host !== hostname()) return true;
  const now = startOf(pid);
  return now !== undefined && (now === "" || started === "" || now === started);
}

/** Who holds the lock of that path; undefined if nobody does. A file that says nothing sensible has no holder. */
export function holderOf(path: string): Holder | undefined {
  const holder = readHolder(path)?.holder;
  return holder && isAlive(holder) ? holder : undefined;
}

/** Takes a lock, or says who has it. A lock whose holder is gone is taken over. Throws what the file system throws. */
export function tryLock(path: string): Lock | Holder {
  const mine = JSON.stringify({ ...thisProcess(), key: randomUUID() });
  const own = `${path}.${randomUUID()}`;
  writeFileSync(own, mine, { flag: "wx" });
  try {
    for (;;) {
      try {
        place(own, path, mine);
        return { path, release: () => release(path, mine) };
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      }
      const found = readHolder(path);
      if (found?.holder && isAlive(found.holder)) return found.holder;
      removeStale(path, found?.text);
    }
  } finally {
    rmSync(own, { force: true });
  }
}

/** Whether {@link tryLock} succeeded. */
export const isLock = (result: Lock | Holder): result is Lock => "release" in result;

/** Puts a file at `path` unless there is one: as a link, which is made whole or not at all, where there are links. */
function place(own: string, path: string, text: string): void {
  try {
    linkSync(own, path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
    writeFileSync(path, text, { flag: "wx" });
  }
}

/** What a lock says; nothing if there is none. */
function readHolder(path: string): { readonly text: string; readonly holder?: Holder } | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  try {
    const { pid, host, started }: Partial<Holder> = JSON.parse(text);
    const sound = Number.isInteger(pid) && Number(pid) > 0 && typeof host === "string" && typeof started === "string";
    return sound ? { text, holder: { pid, host, started } as Holder } : { text };
  } catch {
    return { text };
  }
}

/** Takes a stale lock away, and puts it back if it turns out to be another, taken in the meantime. */
function removeStale(path: string, expected: string | undefined): void {
  if (expected === undefined) return;
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    if (readFileSync(aside, "utf8") !== expected) linkSync(aside, path);
  } catch {
    // Somebody was faster.
  } finally {
    rmSync(aside, { force: true });
  }
}

function release(path: string, mine: string): void {
  try {
    if (readFileSync(path, "utf8") === mine) rmSync(path, { force: true });
  } catch {
    // It is gone already.
  }
}
