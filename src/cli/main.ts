/** The program `ornstein`. */

import { cli } from "./cli.ts";

// A reader that has seen enough, such as head, is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await cli(process.argv.slice(2), { out: process.stdout, err: process.stderr });
