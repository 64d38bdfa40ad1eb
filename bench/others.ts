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

/** JavaScript engines; what they need is no dependency of ours, and what is installed beside us is used. */
const scripts = [
  { label: "tfjs-wasm", script: "tfjs.mjs", packages: ["@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm"] },
  { label: "jax-js", script: "jax.mjs", packages: ["@jax-js/jax"] },
];

/** Those that are installed, and for each other one the reason why not. */
export const javascriptEngines = (): readonly (EngineSpec | string)[] =>
  scripts.map(({ label, script, packages }) => {
    const missing = packages.filter((name) => !installed(name));
    if (missing.length > 0) return `${label}: ${missing.join(" and ")} not installed (npm install --no-save).`;
    const file = source(script);
    return { label, layouts: ["nchw"], start: (job) => new Side(process.execPath, [file, job]) };
  });

function installed(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** A file of this folder that is not compiled. */
const source = (name: string) => fileURLToPath(new URL(`../../bench/${name}`, import.meta.url));

/** PyTorch, if one of the interpreters has it; otherwise the reason why not. */
export function torch(interpreters: readonly string[]): EngineSpec | string {
  const script = source("torch.py");
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
