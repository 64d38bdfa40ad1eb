/** The command line: finds the command, carries it out, turns mistakes into one line and exit code 2. */
import { ConfigError, GraphError, SessionError } from "../errors/index.ts";
import { NonFiniteError } from "../training/index.ts";
import { helpOf } from "./command.ts";
import { commands } from "./commands.ts";
import { parseCommandLine } from "./parse.ts";
import { processTerminal } from "./terminal.ts";

const overview = () =>
  [
    "ornstein — train, sample, measure and understand diffusion models",
    "",
    ...Object.values(commands).map(({ name, summary }) => `  ${name.padEnd(11)} ${summary}`),
    "",
    "  ornstein COMMAND --help says more. ornstein quickstart trains on MNIST and draws digits, in minutes.",
  ].join("\n");

async function main(args: readonly string[]): Promise<number> {
  if (args.length === 0 || ["--help", "-h", "help"].includes(args[0])) {
    console.log(overview());
    return 0;
  }
  const parsed = parseCommandLine(args);
  if ("helpOf" in parsed) {
    console.log(helpOf(parsed.helpOf));
    return 0;
  }
  const { command, argument, values, json } = parsed;
  const terminal = processTerminal(json);
  try {
    await command.run(argument, values, terminal);
    return terminal.signal.aborted ? 130 : 0;
  } catch (error) {
    if (terminal.signal.aborted && error instanceof Error && error.name === "AbortError") return 130;
    throw error;
  } finally {
    terminal.close();
  }
}

// A reader that has seen enough, such as head, is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

/** Errors that the user can do something about: one line, without a stack. */
const explained = [ConfigError, GraphError, SessionError, NonFiniteError];

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (explained.some((kind) => error instanceof kind) && error instanceof Error) {
    console.error(error.message.replace(/\s*\n\s*/g, " "));
    process.exitCode = 2;
  } else {
    console.error(error);
    process.exitCode = 1;
  }
}
