/** Running the command line: as a child process, or, where nothing depends on that, faster in this one. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { cli } from "../../src/cli/cli.ts";

const root = join(import.meta.dirname, "../../..");

export interface Outcome {
  /** Exit code; null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Options {
  /** The file to run, from the root of the package. */
  readonly program?: string;
  readonly cwd?: string;
  /** A shell command line in which "$@" is the command: to set limits. */
  readonly shell?: string;
  readonly uid?: number;
  /** Set on top of this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Sees each line of standard output as it comes. */
  readonly onLine?: (line: string, child: ChildProcess) => void;
}

/** Runs `ornstein ARGS…` to its end. */
export function ornstein(
  args: readonly string[],
  { program = "dist/src/cli/main.js", cwd, shell, uid, env, onLine }: Options = {},
): Promise<Outcome> {
  const command = [process.execPath, join(root, program), ...args];
  const words = shell === undefined ? command : ["bash", "-c", shell, "bash", ...command];
  const child = spawn(words[0], words.slice(1), {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    ...(cwd !== undefined && { cwd }),
    ...(uid !== undefined && { uid, gid: uid }),
  });
  let [stdout, stderr, line] = ["", "", ""];
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    const lines = (line + text).split("\n");
    line = lines.pop() ?? "";
    for (const complete of lines) onLine?.(complete, child);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** Carries out `ornstein ARGS…` in this process. */
export async function inProcess(args: readonly string[]): Promise<Outcome> {
  let [stdout, stderr] = ["", ""];
  const code = await cli(args, {
    out: { write: (text) => (stdout += text) },
    err: { write: (text) => (stderr += text) },
  });
  return { code, stdout, stderr };
}

/** The fields of a run on points that trains in a moment. */
export const tinyRun = [
  ...["points", "--data", "points:moons", "--batch", "16", "--set", "data.examples=100"],
  ...["--set", "model.network.width=16", "--set", "model.network.dropout=0.1"],
];
