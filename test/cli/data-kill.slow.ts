import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import sharp from "sharp";
import { openStore } from "../../src/data/files/index.ts";
import { example } from "../../src/data/index.ts";
import { stream } from "../../src/random/index.ts";
import { readEvaluations } from "../../src/runs/index.ts";
import { ornstein, tinyRun } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-killed-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (...path: string[]) => join(folder, ...path);

/** Runs a command that is killed, by signal 9, after so many milliseconds; whether that came before its end. */
async function killed(args: readonly string[], milliseconds: number, cache: string): Promise<boolean> {
  const shell = 'exec timeout --signal=KILL "$AFTER" "$@"';
  const { code, stderr } = await ornstein(args, {
    shell,
    env: { ORNSTEIN_CACHE: cache, AFTER: String(milliseconds / 1000) },
  });
  assert.ok(code === 0 || code === null || code === 137, `exit code ${code}: ${stderr}`);
  return code !== 0;
}

/** Kills a command at `times` random moments of its usual duration, each time with what the last one left, then lets it end. */
async function killAgain(args: readonly string[], times: number, cache: string, seed: number) {
  const draws = stream(seed, "moments");
  const started = performance.now();
  const whole = await ornstein(args, { env: { ORNSTEIN_CACHE: `${cache}-whole` } });
  assert.equal(whole.code, 0, whole.stderr);
  const duration = performance.now() - started;
  let hit = 0;
  for (let i = 0; i < times; i++) {
    // From the start of the work, not of Node.
    if (await killed(args, 150 + draws.uniform() * duration, cache)) hit++;
    else rmSync(cache, { recursive: true, force: true });
  }
  const last = await ornstein(args, { env: { ORNSTEIN_CACHE: cache } });
  assert.equal(last.code, 0, last.stderr);
  assert.ok(hit >= times / 2, `only ${hit} of ${times} kills came in time`);
  return { whole, last };
}

const rubbish = (path: string) => readdirSync(path).filter((name) => /\.(part|tmp|lock)/.test(name));

test("a build killed at 12 moments leaves nothing but whole files, and what it left is cleared away", async () => {
  mkdirSync(at("pictures"));
  for (let n = 0; n < 400; n++) {
    const values = Uint8Array.from({ length: 96 * 96 * 3 }, (_, i) => (i * (n + 1) * 31) % 251);
    const file = sharp(values, { raw: { width: 96, height: 96, channels: 3 } }).png();
    writeFileSync(at("pictures", `${n}.png`), await file.toBuffer());
  }
  const out = at("out.ornstein");
  const { whole } = await killAgain(
    ["data", "build", at("pictures"), "--size", "64", "--out", out, "--json"],
    12,
    at("cache"),
    1,
  );
  const { dataset } = openStore(out);
  assert.equal(dataset.size, JSON.parse(whole.stdout).size);
  const cached = readdirSync(at("cache"));
  assert.deepEqual([cached.length, rubbish(at("cache"))], [1, []]);
  const [kept, same] = [
    openStore(join(at("cache"), cached[0])).dataset,
    openStore(join(at("cache-whole"), cached[0])).dataset,
  ];
  for (let i = 0; i < kept.size; i++) assert.deepEqual(example(kept, i), example(same, i));
});

test("two builders at once read the data once", async () => {
  const args = ["data", "build", at("pictures"), "--size", "48"];
  const build = (name: string) => ornstein([...args, "--out", at(name)], { env: { ORNSTEIN_CACHE: at("shared") } });
  for (const { code, stderr } of await Promise.all([build("a.ornstein"), build("b.ornstein")]))
    assert.equal(code, 0, stderr);
  assert.equal(readdirSync(at("shared")).length, 1);
  const [a, b] = [openStore(at("a.ornstein")).dataset, openStore(at("b.ornstein")).dataset];
  for (let i = 0; i < a.size; i++) assert.deepEqual(example(a, i), example(b, i));
});

test("stats killed at 8 moments end in the same numbers", async () => {
  const args = ["stats", "mnist:test", "--examples", "3000", "--features", "pixels", "--size", "32", "--json"];
  const { whole, last } = await killAgain(args, 8, at("stats"), 2);
  assert.deepEqual(JSON.parse(last.stdout), JSON.parse(whole.stdout));
  assert.deepEqual(rubbish(at("stats")), []);
});

test("an evaluation killed at 8 moments ends in the same numbers", async () => {
  const run = at("run");
  const trained = await ornstein(["train", ...tinyRun, "--duration", "160", "--out", run]);
  assert.equal(trained.code, 0, trained.stderr);
  const args = ["eval", run, "--n", "500", "--seeds", "2", "--sampler", "heun", "--steps", "40", "--batch", "50"];
  const fresh = await ornstein([...args, "--json"], { env: { ORNSTEIN_CACHE: at("whole") } });
  assert.equal(fresh.code, 0, fresh.stderr);
  rmSync(join(run, "eval"), { recursive: true });
  rmSync(join(run, "eval.jsonl"));
  const draws = stream(3, "moments");
  for (let i = 0; i < 8; i++) await killed(args, 200 + draws.uniform() * 1500, at("cache"));
  const last = await ornstein([...args, "--json"], { env: { ORNSTEIN_CACHE: at("cache") } });
  assert.equal(last.code, 0, last.stderr);
  assert.deepEqual(JSON.parse(last.stdout).measurements, JSON.parse(fresh.stdout).measurements);
  for (const { measurements } of readEvaluations(join(run, "eval.jsonl")))
    assert.deepEqual(measurements, JSON.parse(fresh.stdout).measurements);
});
