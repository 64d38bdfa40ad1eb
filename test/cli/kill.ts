/** Killing training again and again, and seeing what becomes of it. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stream } from "../../src/random/index.ts";
import { ornstein, tinyRun } from "./command-line.ts";

/**
 * Trains a run without interruption, and another one that is killed `kills` times at random moments and resumed each
 * time; asserts that both end in the same bytes. Checkpoints are written all the time, so many kills hit one half written.
 */
export async function killAndResume(kills: number, seed: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "ornstein-kill-"));
  const draws = stream(seed, "moments to kill at");
  /** Updates between two kills, on average half of this. */
  const stretch = 24;
  const images = String(16 * (kills + 1) * stretch);
  try {
    const [whole, broken] = [join(folder, "whole"), join(folder, "broken")];
    const args = [...tinyRun, "--micro-batch", "8", "--duration", images];
    const through = await ornstein(["train", ...args, "--out", whole]);
    assert.equal(through.code, 0, through.stderr);

    for (let kill = 0; kill < kills; kill++) {
      const first = readdirSync(folder).includes("broken") ? ["train", "--resume"] : ["train", ...args];
      const [steps, milliseconds] = [draws.integer(stretch), draws.uniform() * 20];
      let seen = 0;
      const { code, stderr } = await ornstein([...first, "--out", broken, "--checkpoint-every", "0", "--json"], {
        onLine: (line, child) => {
          if (JSON.parse(line).type === "step" && seen++ === steps)
            setTimeout(() => child.kill("SIGKILL"), milliseconds);
        },
      });
      assert.equal(code, null, `kill ${kill} came too late: ${stderr}`);
    }
    const last = await ornstein(["train", "--resume", "--out", broken, "--checkpoint-every", "0"]);
    assert.equal(last.code, 0, last.stderr);

    const final = readdirSync(whole)
      .filter((name) => /^checkpoint-\d/.test(name))
      .sort()
      .at(-1)!;
    assert.ok(readFileSync(join(broken, final)).equals(readFileSync(join(whole, final))), "the same bytes");
    assert.deepEqual(
      readdirSync(broken).filter((name) => name.endsWith(".tmp")),
      [],
    );
    const steps = readFileSync(join(broken, "stats.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).step);
    assert.deepEqual(
      steps,
      [...new Set(steps)].sort((a, b) => a - b),
      "statistics without repetition",
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
