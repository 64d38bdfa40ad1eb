// Installs the dependencies and builds, each only when something changed since the last time.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Makes `dist/` current: `npm ci` if the lock file changed, `tsc` if a source did. */
export function ensure() {
  install();
  build();
}

function install() {
  if (isInstalled()) return;
  console.error("Installing dependencies (once)…");
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
}

/** Whether npm's own account of node_modules, which it writes last, has every package of the lock file in its version. */
export function isInstalled(folder = root) {
  const account = join(folder, "node_modules/.package-lock.json");
  if (!existsSync(account)) return false;
  const packages = (file) => Object.entries(JSON.parse(readFileSync(file, "utf8")).packages);
  const found = new Map(packages(account));
  return packages(join(folder, "package-lock.json")).every(
    // Of what is optional, such as builds for other systems, some is never installed.
    ([path, { version, optional }]) => path === "" || optional || found.get(path)?.version === version,
  );
}

function build() {
  const stamp = join(root, "dist/.built");
  const built = existsSync(stamp) ? statSync(stamp).mtimeMs : 0;
  const sources = ["src", "test", "bench", "examples", "experiments"].flatMap((folder) => files(join(root, folder)));
  const configs = ["tsconfig.json", "tsconfig.base.json", "tsconfig.neutral.json", "package-lock.json"];
  const newest = Math.max(...[...sources, ...configs.map((name) => join(root, name))].map((f) => statSync(f).mtimeMs));
  if (newest <= built) return;
  const started = Date.now();
  run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b", "tsconfig.json"]);
  writeFileSync(stamp, "");
  console.error(`Built in ${((Date.now() - started) / 1000).toFixed(1)} s.`);
}

function files(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

function run(command, args) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (error) throw error;
  if (signal === "SIGINT" || status === 130) {
    console.error("Stopped; the same command goes on from here.");
    process.exit(130);
  }
  if (status !== 0) {
    console.error(`${command} ${args.join(" ")} failed.`);
    process.exit(status ?? 1);
  }
}
