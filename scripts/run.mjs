// node scripts/run.mjs TASK [ARGS…]: brings dependencies and build up to date, then runs one of the tasks below.
import { spawnSync } from "node:child_process";
import { ensure, root } from "./ensure.mjs";

const tests = (pattern, ...flags) => ["--test", "--test-concurrency=2", ...flags, pattern];

const tasks = {
  start: (args) => ["bin/ornstein.js", "quickstart", ...args],
  build: () => undefined,
  test: (args) => (args.length > 0 ? ["--test", ...args] : tests("dist/test/**/*.test.js")),
  "test:slow": () => tests("dist/test/**/*.slow.js"),
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
