/** The process that `probe` starts: reads what to train on standard input, and prints what that took. */
import { readFileSync } from "node:fs";
import { measureSpeed, sheetSize } from "../recipe/index.ts";
import { openBatchPreparer } from "./batch-preparer.ts";
import type { Probe, ProbeRequest } from "./probe.ts";

/** The most memory that this process has held. Node's own figure counts the parent's from before the start. */
function peakBytes(): number {
  try {
    return Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

const { recipe, facts, options } = JSON.parse(readFileSync(0, "utf8")) as ProbeRequest;
// As a run does it.
const preparer = facts.shape.length > 1 ? openBatchPreparer() : undefined;
const speed = await measureSpeed(recipe, facts, {
  ...options,
  draws: sheetSize(recipe, facts),
  ...(preparer && { preparer: preparer.prepare }),
});
await preparer?.close();
const answer: Probe = { speed, bytes: peakBytes() };
process.stdout.write(JSON.stringify(answer));
