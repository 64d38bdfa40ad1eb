/** The command line: finds the command, carries it out, turns mistakes into one line and exit code 2. */
import { readFileSync } from "node:fs";
import { ConfigError, GraphError, SessionError } from "../errors/index.ts";
import { NonFiniteError } from "../training/index.ts";
import { commands } from "./commands.ts";
import { helpOf, summaryOf } from "./help.ts";
import { parseCommandLine } from "./parse.ts";
import { program } from "./program.ts";
import { openTerminal, type Streams } from "./terminal.ts";

const overview = (columns: number | undefined) =>
  [
    "ornstein — train, sample, measure and understand diffusion models",
    "",
    summaryOf(Object.values(commands), columns),
    "",
    `  ${program()} COMMAND --help says more.`,
    `  ${program()} quickstart trains on MNIST and draws digits, in minutes.`,
  ].join("\n");

/** The version of the package. */
const version = (): string =>
  JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")).version;

/** Errors that the user can do something about: one line, without a stack. */
const explained = [ConfigError, GraphError, SessionError, NonFiniteError];

/** Carries out a command line and returns the exit code: 0 or what the command says, 2 for the user's mistakes, 130 after Ctrl-C, 1 for ours. */
export async function cli(args: readonly string[], streams: Streams): Promise<number> {
  try {
    return await carryOut(args, streams);
  } catch (error) {
    const isExplained = error instanceof Error && explained.some((kind) => error instanceof kind);
    const text = isExplained ? error.message.replace(/\s*\n\s*/g, " ") : error instanceof Error ? error.stack : error;
    streams.err.write(`${text}\n`);
    return isExplained ? 2 : 1;
  }
}

async function carryOut(args: readonly string[], streams: Streams): Promise<number> {
  const { out } = streams;
  const tell = (text: string) => {
    out.write(`${text}\n`);
    return 0;
  };
  const [first, ...others] = args;
  if (first === "help" && others.length > 0) return carryOut([...others, "--help"], streams);
  if (first === undefined || ["--help", "-h", "help"].includes(first)) return tell(overview(out.columns));
  if (["--version", "-V", "-v"].includes(first)) return tell(version());
  const parsed = parseCommandLine(args);
  if ("helpOf" in parsed) {
    const [one, ...more] = parsed.helpOf;
    return tell(more.length === 0 ? helpOf(one, { columns: out.columns }) : summaryOf(parsed.helpOf, out.columns));
  }
  const { command, argument, rest, values, json } = parsed;
  const terminal = openTerminal(streams, json);
  try {
    await command.run(argument, values, terminal, rest);
    return terminal.signal.aborted ? 130 : terminal.code;
  } catch (error) {
    if (terminal.signal.aborted && error instanceof Error && error.name === "AbortError") {
      terminal.say("Stopped before the end; give the same command again to have it all.");
      return 130;
    }
    throw error;
  } finally {
    terminal.close();
  }
}
