import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { presetNames } from "../../src/recipe/index.ts";
import { inProcess } from "./command-line.ts";

test("explain works on every preset", async () => {
  for (const name of presetNames) {
    const { code, stdout, stderr } = await inProcess(["explain", name, "--no-measure", "--set", "data.examples=64"]);
    assert.equal(code, 0, `${name}: ${stderr}`);
    assert.match(stdout, /objective .*-prediction/);
    assert.match(stdout, /bound {5}(an ELBO|the ELBO|no ELBO)/);
    assert.ok(!/NaN|undefined/.test(stdout), `${name}: ${stdout}`);
  }
});

test("recipes that are one objective are told so, and plots are written", async () => {
  const out = mkdtempSync(join(tmpdir(), "ornstein-explain-"));
  try {
    const args = ["--no-measure", "--set", "data.examples=64"];
    const flow = await inProcess(["explain", "flow", "--against", "v-cosine", "--out", out, ...args]);
    assert.match(flow.stdout, /against {3}v-cosine: the same objective up to a factor/);
    for (const plot of ["schedule", "density", "weighting", "mixture"])
      for (const end of ["svg", "png"]) assert.ok(existsSync(join(out, `${plot}.${end}`)), plot);
    const uniform = ["--set", "objective.timesteps.p=0.8", ...args];
    const bernoulli = await inProcess(["explain", "adm-bs", "--against", "adm", ...uniform]);
    assert.match(bernoulli.stdout, /the same objective/);
    assert.match(bernoulli.stdout, /note {6}bernoulli: .* is the uniform law/);
  } finally {
    rmSync(out, { recursive: true });
  }
});
