/** The engines that the library is compared with, and how their processes are started. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Layout } from "./protocol.ts";
import { Side } from "./side.ts";

export interface EngineSpec {
  readonly label: string;
  /** Layouts of images to try; the fastest is measured. */
  readonly layouts: readonly Layout[];
  start(jobFile: string): Side;
}

export const ornstein: EngineSpec = { label: "Ornstein", layouts: ["nchw"], start: (job) => node("ornstein.js", job) };

function node(script: string, jobFile: string): Side {
  return new Side(process.execPath, [fileURLToPath(new URL(`./${script}`, import.meta.url)), jobFile]);
}

/** PyTorch, if one of the interpreters has it; otherwise the reason why not. */
export function torch(interpreters: readonly string[]): EngineSpec | string {
  const script = fileURLToPath(new URL("../../bench/torch.py", import.meta.url));
  const python = interpreters.find(hasTorch);
  if (!python)
    return `PyTorch: not found by ${interpreters.join(" or ")}. Debian has it as python3-torch; --python names another interpreter.`;
  return { label: "PyTorch", layouts: ["nchw", "channels_last"], start: (job) => new Side(python, [script, job]) };
}

function hasTorch(python: string): boolean {
  try {
    const found =
      "import importlib.util, sys; sys.exit(not (importlib.util.find_spec('torch') and importlib.util.find_spec('numpy')))";
    execFileSync(python, ["-c", found], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
