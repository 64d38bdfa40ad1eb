// node scripts/run.mjs TASK [ARGS…]: brings dependencies and build up to date, then runs one of the tasks below.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ensure, root } from "./ensure.mjs";

/** Node 20's runner takes files, not globs. */
const tests = (suffix) => [
  "--test",
  "--test-concurrency=2",
  ...readdirSync(join(root, "dist/test"), { recursive: true })
    .filter((file) => file.endsWith(suffix))
    .map((file) => join("dist/test", file)),
];

const tasks = {
  start: (args) => ["bin/ornstein.js", "quickstart", ...args],
  build: () => undefined,
  test: (args) => (args.length > 0 ? ["--test", ...args] : tests(".test.js")),
  "test:slow": () => tests(".slow.js"),
  "test:golden": (args) => ["dist/test/golden/main.js", ...args],
  bench: (args) => ["bin/ornstein.js", "bench", ...args],
};

const [name, ...args] = process.argv.slice(2);
if (!(name in tasks)) {
  console.error(`run.mjs: task must be one of ${Object.keys(tasks).join(", ")}; got ${JSON.stringify(name)}.`);
  process.exit(2);
}
ensure();
const command = tasks[name](args);
if (command) process.exit(spawnSync(process.execPath, command, { cwd: root, stdio: "inherit" }).status ?? 1);
