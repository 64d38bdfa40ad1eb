/** How much of the processor others took while something was measured. From Linux's counters; unknown elsewhere. */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

const ticksPerSecond = 100; // USER_HZ, the same on all builds of Linux that Node runs on.

/** Starts counting; the function returned gives the share of all cores taken by anything but the processes `pids`. */
export function watchOthers(pids: readonly number[]): () => number | undefined {
  const cores = cpus().length;
  const started = performance.now();
  const [busy, own] = [busyTicks(), ownTicks(pids)];
  return () => {
    const [busyNow, ownNow] = [busyTicks(), ownTicks(pids)];
    if (busy === undefined || busyNow === undefined) return undefined;
    const elapsed = ((performance.now() - started) / 1000) * ticksPerSecond * cores;
    return Math.max(0, busyNow - busy - (ownNow - own)) / elapsed;
  };
}

/** A share of the processor that disturbs a measurement. */
export const disturbing = 0.05;

/** Waits until others leave the processor alone, or for `seconds`. */
export async function calm(seconds: number): Promise<void> {
  const until = performance.now() + 1000 * seconds;
  while (performance.now() < until) {
    const others = watchOthers([process.pid]);
    await sleep(500);
    if ((others() ?? 0) < disturbing) return;
  }
}

/** Time spent on anything by all cores since the start, and time that a hypervisor took away. */
function busyTicks(): number | undefined {
  const line = read("/proc/stat")?.split("\n", 1)[0];
  if (line === undefined) return undefined;
  const [user, nice, system, , , irq, softirq, steal = 0] = line.split(/\s+/).slice(1).map(Number);
  return user + nice + system + irq + softirq + steal;
}

function ownTicks(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    // The second field, a name in parentheses, may hold spaces.
    const fields = read(`/proc/${pid}/stat`)
      ?.replace(/^.*\) /, "")
      .split(" ");
    return fields ? Number(fields[11]) + Number(fields[12]) : 0;
  });
  return ticks.reduce((a, b) => a + b, 0);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
