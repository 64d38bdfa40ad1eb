#!/usr/bin/env node
// The command line. In a checkout it first brings dependencies and build up to date; in an installed package both are.
import { existsSync } from "node:fs";

// Until a command listens to Ctrl-C itself.
process.on("SIGINT", () => {
  if (process.listenerCount("SIGINT") > 1) return;
  process.stderr.write("Stopped before anything was begun.\n");
  process.exit(130);
});

const checkout = new URL("../tsconfig.base.json", import.meta.url);
if (existsSync(checkout)) (await import(new URL("../scripts/ensure.mjs", import.meta.url))).ensure();
await import(new URL("../dist/src/cli/main.js", import.meta.url));
