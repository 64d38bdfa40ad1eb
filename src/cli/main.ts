/** The program `ornstein`. */

// ONNX Runtime's builds report usage to their maker; this program tells nobody anything. Read when the library loads.
process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
const { cli } = await import("./cli.ts");

// A reader that has seen enough, such as head, is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await cli(process.argv.slice(2), { out: process.stdout, err: process.stderr });
