/** An engine in a process of its own. It waits for a line on its standard input, so that it is idle while others run. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Requests } from "./protocol.ts";

/** The engine cannot do what it was asked for. */
export class Refused extends Error {}

export class Side {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #exit: Promise<string>;
  #said = "";

  constructor(command: string, args: readonly string[]) {
    // Detached: Ctrl-C is for the parent, which then closes its standard input.
    this.#child = spawn(command, args, { detached: true });
    // A second Ctrl-C ends the parent at once: nobody would read what the engine says then.
    const end = () => this.#child.kill();
    process.once("exit", end);
    this.#child.on("close", () => process.off("exit", end));
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#said = (this.#said + text).slice(-2000);
    });
    this.#child.stdin.on("error", () => {}); // The exit says more.
    this.#exit = new Promise((resolve) => {
      this.#child.on("error", (error) => resolve(error.message));
      this.#child.on("close", (code, signal) => resolve(this.#said.trim() || `ended with ${signal ?? code}`));
    });
  }

  /** The process; 0 if it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** One request, answered. Throws {@link Refused} if the engine says that it cannot, or has ended. */
  async ask<K extends keyof Requests>(what: K, request: Requests[K]["request"]): Promise<Requests[K]["answer"]> {
    this.#child.stdin.write(`${JSON.stringify({ do: what, ...request })}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Refused(summary(await this.#exit));
    const answer = JSON.parse(value);
    if ("refused" in answer) throw new Refused(answer.refused);
    return answer;
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    this.#child.kill();
    await this.#exit;
  }
}

/** Of a stack trace, the line that names the error. */
const summary = (text: string) => {
  const lines = text.trim().split("\n");
  return lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line)) ?? lines.at(-1)!;
};
