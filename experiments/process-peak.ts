/** The most memory that a command of `ornstein` takes, as Linux keeps count of it for every process. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** Runs a command in a process of its own; the most bytes that it held, its threads included. Throws if it fails. */
export function processPeak(args: readonly string[]): Promise<number> {
  const main = new URL("../src/cli/main.js", import.meta.url).pathname;
  const child = spawn(process.execPath, [main, ...args], { stdio: "ignore" });
  let peak = 0;
  const look = setInterval(() => {
    try {
      const [, kibibytes = "0"] = /VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
      peak = Math.max(peak, 1024 * Number(kibibytes));
    } catch {
      // It has ended.
    }
  }, 5);
  return new Promise((resolve, reject) => {
    child.on("close", (code) => {
      clearInterval(look);
      if (code === 0) resolve(peak);
      else reject(new Error(`ornstein ${args.join(" ")} ended with ${code}.`));
    });
  });
}
