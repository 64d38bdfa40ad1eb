import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { inProcess, ornstein, tinyRun } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-mistakes-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (...path: string[]) => join(folder, ...path);
process.chdir(folder);

/** All files below a folder, with what they hold. */
const contents = (path: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name), "latin1")]),
  );

/** Exit code 2, one line that says `pattern`, and no file changed. */
async function refuses(args: readonly string[], pattern: RegExp, run = inProcess): Promise<void> {
  const files = contents(folder);
  const { code, stdout, stderr } = await run(args);
  assert.match(stderr, pattern);
  assert.equal(stderr.trimEnd().split("\n").length, 1, `one line expected:\n${stderr}`);
  assert.equal(code, 2, stderr);
  assert.equal(stdout, "");
  assert.deepEqual(contents(folder), files);
}

before(async () => {
  const made = await inProcess([
    "train",
    ...tinyRun,
    "--duration",
    "160",
    "--checkpoint-every",
    "0",
    "--out",
    at("run"),
  ]);
  assert.equal(made.code, 0, made.stderr);
});

/** A copy of the finished run, to be spoiled. */
function copyOfRun(name: string): string {
  cpSync(at("run"), at(name), { recursive: true });
  return at(name);
}

describe("words", () => {
  const cases: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
    "unknown command": [["trian"], /must be one of .*got "trian"\. Did you mean "train"\?/],
    "unknown flag": [["train", "points", "--bacth", "3"], /must be one of .*got "--bacth"\. Did you mean "--batch"\?/],
    "unknown preset": [["train", "pionts"], /recipe: must be one of .*got "pionts"\. Did you mean "points"\?/],
    "unknown field": [
      ["train", "points", "--set", "data.exampels=3"],
      /data\.exampels: unknown field .*Did you mean "examples"\?/,
    ],
    "unknown member": [
      ["train", "points", "--set", "objective.timesteps.type=log-nomal"],
      /objective\.timesteps\.type must be one of .*got "log-nomal"\. Did you mean "log-normal"\?/,
    ],
    "unknown data": [["train", "points", "--data", "minst"], /data: must be one of .*Did you mean "mnist"\?/],
    "unknown device": [["train", "points", "--device", "gpu"], /--device: must be one of cpu, webgpu, cuda; got "gpu"/],
    "unknown sampler": [
      ["sample", at("run"), "--sampler", "huen"],
      /--sampler: must be one of .*Did you mean "heun"\?/,
    ],
    "text for a number": [
      ["train", "points", "--batch", "many"],
      /--batch: must be a whole number of at least 1; got "many"/,
    ],
    "broken micro-batch": [
      ["train", "points", "--micro-batch", "0"],
      /--micro-batch: must be a whole number.* or auto/,
    ],
    "broken size": [["train", "points", "--max-memory", "2"], /--max-memory: must be a size such as .*got "2"/],
    "too little memory": [
      ["train", "points", "--micro-batch", "auto", "--max-memory", "1MB", "--batch", "2"],
      /--max-memory: training takes \d+ MiB even example by example \(1 MiB allowed\)/,
    ],
    "broken number": [["train", "points", "--batch", "1.5"], /must be a whole number/],
    "number out of range": [["sample", at("run"), "--n", "0"], /--n: must be a whole number of at least 1; got "0"/],
    "text for a number in a field": [
      ["train", "points", "--set", "training.batch=many"],
      /training\.batch must be a .*number; got "many"/,
    ],
    "field out of range": [
      ["train", "points", "--set", "training.labelDropout=1"],
      /labelDropout must be below 1; got 1/,
    ],
    "no assignment": [
      ["train", "points", "--set", "data.examples"],
      /--set: must be FIELD=VALUE; got "data\.examples"/,
    ],
    "no value": [["train", "points", "--batch"], /--batch: has no value \(INTEGER expected\)/],
    "flag where a value should be": [["train", "points", "--out", "--resume"], /--out: has no value/],
    "value for a switch": [["train", "points", "--dry-run=no"], /--dry-run: takes no value; got "no"/],
    "the same flag twice": [["train", "points", "--batch", "2", "--batch", "3"], /--batch: is given 2 times/],
    "a word too many": [["train", "points", "edm"], /does not know what to do with "edm"/],
    "a word too few": [["sample"], /needs RUN/],
    "no recipe": [["train"], /needs a RECIPE/],
    "a duration of nothing": [
      ["train", "points", "--duration", "0"],
      /--duration: must be a number of images.*got "0"/,
    ],
    "a duration in no unit": [["train", "points", "--duration", "3 days"], /--duration: must be .*got "3 days"/],
    "resume without a run": [["train", "--resume"], /needs --out/],
    "resume in other memory": [["train", "--resume", "--out", at("run"), "--memory", "low"], /leave --memory out/],
    "resume in another precision": [
      ["train", "--resume", "--out", at("run"), "--precision", "float16"],
      /leave --precision out/,
    ],
    "training in float16 on the processor": [
      ["train", ...tinyRun, "--precision", "float16", "--out", at("half")],
      /^--precision float16: is for GPUs: .* Add --device webgpu or cuda, or take float32\.$/m,
    ],
    "a float16 recipe on the processor": [
      ["train", ...tinyRun, "--set", "training.precision=float16", "--out", at("half")],
      /^--precision float16: is for GPUs/,
    ],
    "drawing in float16 on the processor": [
      ["sample", at("run"), "--precision", "float16"],
      /^--precision float16: is/,
    ],
    "judging in float16 on the processor": [["eval", at("run"), "--precision", "float16"], /^--precision float16: is/],
    "unknown precision": [["train", "points", "--precision", "half"], /--precision: must be one of float32, float16/],
    "encoding in float16": [
      ["sample", at("run"), "--encode", "data", "--precision", "float16", "--device", "webgpu"],
      /--encode follows .* has no use for --precision/,
    ],
    "resume with another batch": [["train", "--resume", "--out", at("run"), "--batch", "3"], /leave --batch out/],
  };
  for (const [name, [args, pattern]] of Object.entries(cases)) test(name, () => refuses(args, pattern));
});

describe("places to write", () => {
  const cases: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
    "a picture of another kind": [["sample", at("run"), "--out", "x.jpg"], /sample: --out: must end in \.png/],
    "a picture below a file": [
      ["sample", at("run"), "--out", at("run", "recipe.json", "x.png")],
      /is below .*recipe\.json, which is a file/,
    ],
    "a folder for a file of numbers": [
      ["eval", at("run"), "--out", at("run")],
      /eval: --out: .* is a folder, not a file/,
    ],
    "training a run": [["train", at("run")], /is a run, not a recipe\. .* train --resume --out/],
    "a flag of a recipe that is not named": [["explain", "--batch", "3"], /explain: --batch is about a recipe/],
    "a size for a preset": [["doctor", "points", "--size", "4"], /doctor: --size is of a data set/],
    "a size for a run's own data": [["eval", at("run"), "--size", "4"], /eval: --size is of a --reference/],
    "steps for samples that are there": [
      ["eval", "points:moons", "--reference", "points:moons", "--steps", "3"],
      /eval: --steps is of a run, and points:moons is none/,
    ],
    "churn for a sampler without": [
      ["sample", at("run"), "--sampler", "ddim", "--churn", "5"],
      /--churn: ddim adds no/,
    ],
    "levels that fall": [["analyze", "targets", "mnist", "--from", "5", "--to", "1"], /levels must rise; got 5 and 1/],
    "a file of no data": [
      ["train", "points", "--data", at("run", "recipe.json")],
      /data are not read from \.json files/,
    ],
    "a run that is not there": [["eval", at("rum")], /rum: there is no such run, file or folder/],
    "more samples than memory": [
      ["sample", at("run"), "--n", "1000000000"],
      /--n: 1000000000 samples of 2 numbers do not/,
    ],
    "more samples than memory, to be judged": [
      ["eval", at("run"), "--n", "1000000000000"],
      /eval: --n: 3 sets of 1000000000000 samples take \d+\.\d+ GiB of memory to be judged \(.* are free\)\. Draw at most \d+ of each seed, or fewer seeds\.$/m,
    ],
    "threads beyond any machine": [
      ["sample", at("run"), "--threads", "100000"],
      /--threads: must be a whole number from 0 to \d+; got "100000"/,
    ],
    "a sweep over a flag that is given": [
      ["sample", at("run"), "--steps", "3", "--sweep", "steps=2,4"],
      /--sweep: steps is swept, and --steps is given/,
    ],
  };
  for (const [name, [args, pattern]] of Object.entries(cases)) test(name, () => refuses(args, pattern));
});

test("a plan of distillation that is damaged or none is refused, and so is a file in its place", async () => {
  const broken = at("broken-plan");
  mkdirSync(broken);
  for (const text of ['{"format', "null", '{"format":"ornstein distillation 1"}']) {
    writeFileSync(join(broken, "distill.json"), text);
    await refuses(["distill", "--resume", "--out", broken], /distill\.json: (cannot be read|is no plan)/);
  }
  rmSync(broken, { recursive: true });
  writeFileSync(`${at("run")}-distilled`, "");
  await refuses(["distill", at("run"), "--to", "4"], /run-distilled: is a file, not a folder\. Choose another --out\./);
  rmSync(`${at("run")}-distilled`);
});

describe("recipes and data", () => {
  const cases: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
    "no such recipe file": [["train", "nothing.json"], /nothing\.json: cannot be read as a recipe/],
    "no such folder": [["train", "edm", "--data", "./photos"], /\.\/photos: there is no such file or folder/],
    "points for a U-Net": [["train", "edm", "--data", "points:moons"], /takes images.*points take the mlp/i],
    "labels for data without": [
      ["train", "points", "--data", "points:swiss-roll", "--set", "model.conditional=true"],
      /model\.conditional: the data has no labels/,
    ],
    "class for a model without labels": [
      ["sample", at("run"), "--class", "1"],
      /--class: the model was trained without labels/,
    ],
    "guidance for a model without labels": [
      ["sample", at("run"), "--guidance", "2"],
      /--guidance: the model was trained without/,
    ],
    "micro-batch that does not divide": [
      ["train", "points", "--batch", "10", "--micro-batch", "4"],
      /4 does not divide the batch of 10/,
    ],
    "a network with other channels": [
      ["train", "points", "--set", "model.network.outChannels=1"],
      /model\.network: makes \[1024, 1\] out of \[1024, 2\]/,
    ],
    "no such run": [["sample", at("none")], /none: is no run: there is no such folder\. There are .*run\.\n/],
    "a folder of runs": [["sample", folder], /is no run, but holds some: .*run\. Give one of them\./],
    "a file of a run": [["sample", at("run", "recipe.json")], /is no run, but a file\. Give its folder, .*run\./],
    "data for a recipe": [["train", "mnist"], /mnist is data, not a recipe\. Name a recipe too: edm --data mnist\./],
    "points for a recipe": [["explain", "points:moons"], /Name a recipe too: points --data points:moons\./],
    "a folder for a recipe": [["train", folder], /is no run, but holds some/],
    "half of a command": [["data"], /ornstein data: needs one of inspect, build, split/],
    "no such checkpoint": [
      ["sample", at("run"), "--checkpoint", "3"],
      /has no checkpoint of step 3 \(steps are 8, 9, 10\)/,
    ],
  };
  for (const [name, [args, pattern]] of Object.entries(cases)) test(name, () => refuses(args, pattern));

  test("a recipe that is no JSON", async () => {
    writeFileSync(at("broken.json"), "{");
    await refuses(["train", at("broken.json")], /broken\.json: cannot be read as a recipe/);
  });
  test("a recipe with a field missing", async () => {
    writeFileSync(at("empty.json"), "{}");
    await refuses(["train", at("empty.json")], /empty\.json: data must be an object; it is missing/);
  });
  test("an empty folder of images", async () => {
    mkdirSync(at("images"));
    await refuses(["train", "edm", "--data", at("images")], /images: /);
  });
  test("a folder of images that cannot be read", async () => {
    mkdirSync(at("bad"));
    for (const name of ["a.png", "b.jpg"]) writeFileSync(at("bad", name), "no picture");
    await refuses(["train", "edm", "--data", at("bad")], /bad: /);
  });
  test("a file of numbers with NaN among them", async () => {
    // IDX: float32, two dimensions of 4 × 2, then eight numbers.
    const bytes = new DataView(new ArrayBuffer(12 + 32));
    for (const [i, n] of [0x00000d02, 4, 2].entries()) bytes.setUint32(4 * i, n);
    for (let i = 0; i < 8; i++) bytes.setFloat32(12 + 4 * i, i === 5 ? Number.NaN : i);
    writeFileSync(at("numbers.idx"), new Uint8Array(bytes.buffer));
    await refuses(["train", "points", "--data", at("numbers.idx")], /1 of its numbers are NaN or infinite/);
  });
});

describe("run folders", () => {
  test("one that exists is never written over", () =>
    refuses(["train", ...tinyRun, "--out", at("run")], /run: holds a run already\. Continue it with --resume/));
  test("a folder of other things is left alone", async () => {
    mkdirSync(at("other"));
    writeFileSync(at("other", "thesis.txt"), "irreplaceable");
    await refuses(["train", ...tinyRun, "--out", at("other")], /other: is not empty/);
  });
  test("a file is left alone", async () => {
    writeFileSync(at("file"), "irreplaceable");
    await refuses(["train", ...tinyRun, "--out", at("file")], /file: is a file, not a folder/);
    await refuses(
      ["train", ...tinyRun, "--out", at("file", "below")],
      /is below .*file, which is a file, not a folder/,
    );
  });
  test("resuming with another recipe", () =>
    refuses(
      ["train", "edm", "--resume", "--out", at("run")],
      /is a run of another recipe than edm: their "objective|model" differs/,
    ));
  test("resuming with less", () =>
    refuses(
      ["train", "--resume", "--out", at("run"), "--duration", "100"],
      /--duration must be at least the run's 160/,
    ));
  test("resuming for longer than its learning rate lasts", () =>
    refuses(
      ["train", "--resume", "--out", at("run"), "--duration", "1k"],
      /the run's learning rate is 0 after 160 images/,
    ));
  test("checkpoints of another model", async () => {
    const run = copyOfRun("exchanged");
    const text = readFileSync(join(run, "recipe.json"), "utf8");
    writeFileSync(join(run, "recipe.json"), text.replace('"width": 16', '"width": 32'));
    await refuses(
      ["sample", run],
      /exchanged\/checkpoint-000000010\.safetensors: "ema\/[^"]*" is \[16,.*\(the model has \[32/,
    );
  });
  test("another number of examples than before", async () => {
    const run = copyOfRun("fewer");
    const text = readFileSync(join(run, "recipe.json"), "utf8");
    writeFileSync(join(run, "recipe.json"), text.replace('"examples": 100', '"examples": 90'));
    const { code, stderr } = await inProcess(["train", "--resume", "--out", run]);
    assert.match(stderr, /moons points has 90 examples \(the run began with 100/);
    assert.equal(code, 2);
  });

  const recipes: Readonly<Record<string, readonly [string, RegExp]>> = {
    "cut off": ['{"recipe": {', /recipe\.json: cannot be read/],
    null: ["null", /"data" must hold shape and classes/],
    "without data": ['{"recipe": {}}', /"data" must hold shape and classes/],
    "with an impossible shape": ['{"recipe": {}, "data": {"shape": [1e12], "classes": 0}}', /"data" must hold shape/],
    "without a recipe": ['{"data": {"shape": [2], "classes": 0}}', /recipe must be an object; it is missing/],
  };
  for (const [name, [text, pattern]] of Object.entries(recipes))
    test(`recipe.json ${name}`, async () => {
      const run = copyOfRun(`recipe ${name}`);
      writeFileSync(join(run, "recipe.json"), text);
      await refuses(["sample", run], pattern);
    });

  test("a truncated checkpoint", async () => {
    const run = copyOfRun("truncated");
    truncateSync(join(run, "checkpoint-000000010.safetensors"), 10_000);
    await refuses(
      ["sample", run],
      /000000010\.safetensors: not a usable safetensors file.*Delete it to go on from step 9/,
    );
  });
  test("a checkpoint whose header claims more than memory", async () => {
    const run = copyOfRun("hostile");
    const file = join(run, "checkpoint-000000010.safetensors");
    const bytes = readFileSync(file);
    bytes.writeBigUInt64LE(2n ** 60n, 0);
    writeFileSync(file, bytes);
    await refuses(["sample", run], /its header claims 1152921504606847000 bytes/);
  });
});

describe("as a process", () => {
  const cases: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
    "a word that is wrong": [["train", "pionts"], /Did you mean "points"\?/],
    "a run that exists": [["train", ...tinyRun, "--out", at("run")], /holds a run already/],
    "a run that does not": [["sample", at("none")], /none: is no run/],
  };
  for (const [name, [args, pattern]] of Object.entries(cases)) test(name, () => refuses(args, pattern, ornstein));

  test("a device that is not there: no folder is left behind", async (t) => {
    const { code, stderr } = await ornstein(["train", ...tinyRun, "--device", "cuda", "--out", at("cuda")]);
    if (code === 0) return t.skip("there is a CUDA device here");
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      /^(Run folder: .*\n)?--device cuda: not available here: .*[^.]\. Run .* --device cpu always works\.\n$/,
    );
    assert.ok(!existsSync(at("cuda")));
  });

  test("a loss that is not finite stops the run, names the sample, and keeps the last good checkpoint", async () => {
    const args = ["train", ...tinyRun, "--set", "training.learningRate.peak=1e30", "--out", at("absurd")];
    const { code, stderr } = await ornstein(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /\nstep \d+: the loss is .*of sample \d+ of the batch.*The last good state is kept.*\n$/);
    const [, failed] = /step (\d+):/.exec(stderr)!;
    assert.ok(existsSync(at("absurd", `checkpoint-${String(Number(failed) - 1).padStart(9, "0")}.safetensors`)));
    assert.equal((await inProcess(["sample", at("absurd"), "--n", "2"])).code, 0);
  });
});

/** A copy of the finished run that has more to do. */
function unfinished(name: string): string {
  const run = copyOfRun(name);
  const description = JSON.parse(readFileSync(join(run, "recipe.json"), "utf8"));
  description.recipe.training.images = 100_000;
  writeFileSync(join(run, "recipe.json"), JSON.stringify(description));
  return run;
}

/** Resumes an unfinished run, which must fail with one last line, and leave its checkpoints and no rubbish. */
async function failsToSave(run: string, pattern: RegExp, options: Parameters<typeof ornstein>[1]): Promise<void> {
  const files = contents(run);
  const { code, stderr } = await ornstein(["train", "--resume", "--out", run, "--checkpoint-every", "0"], options);
  assert.equal(code, 2, stderr);
  assert.match(stderr.trimEnd().split("\n").at(-1) ?? "", pattern);
  const kept = contents(run);
  for (const [file, bytes] of Object.entries(files))
    if (/safetensors|recipe/.test(file)) assert.ok(kept[file] === bytes, file);
  assert.deepEqual(
    Object.keys(kept).filter((file) => file.endsWith(".tmp")),
    [],
  );
}

describe("the file system", () => {
  const nobody = 65534;
  const isRoot = process.getuid?.() === 0;

  test("a file larger than allowed", { skip: process.platform === "win32" }, () =>
    // Blocks of 1 KiB; a checkpoint is several times as long.
    failsToSave(unfinished("limited"), /000000011\.safetensors: cannot be written: .*ulimit/, {
      shell: 'ulimit -f 16; exec "$@"',
    }),
  );

  test("a full disk", async (t) => {
    mkdirSync(at("disk"));
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", at("disk")]);
    if (mounted.status !== 0) return t.skip("needs the right to mount a small disk");
    try {
      const run = unfinished("disk/run");
      const { bavail, bsize } = statfsSync(run);
      writeFileSync(at("disk", "filler"), new Uint8Array(Number(bavail) * Number(bsize) - 8192));
      await failsToSave(run, /cannot be written: the disk is full/, {});
    } finally {
      spawnSync("umount", [at("disk")]);
    }
  });

  test("no permission to write", async (t) => {
    chmodSync(folder, 0o755);
    const options = isRoot ? { uid: nobody, cwd: "/" } : {};
    if ((await ornstein(["--help"], options)).code !== 0) return t.skip("another user cannot read this checkout");
    mkdirSync(at("locked"));
    chmodSync(at("locked"), 0o555);
    const run = (args: readonly string[]) => ornstein(args, options);
    await refuses(
      ["train", ...tinyRun, "--out", at("locked", "run")],
      /locked\/run: cannot be written: no permission/,
      run,
    );
    await refuses(
      ["sample", at("run"), "--n", "2", "--out", at("locked", "a.png")],
      /a\.png: cannot be written: no permission/,
      run,
    );
  });
});
