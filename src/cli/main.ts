/** The command line: finds the command, reads its flags, turns mistakes into one line and exit code 2. */
import { parseArgs } from "node:util";
import { ConfigError, GraphError, SessionError, unknownName } from "../errors/index.ts";
import { type Command, flagName, helpOf, readFlags } from "./command.ts";
import { commands } from "./commands.ts";
import { processTerminal } from "./terminal.ts";

const overview = () =>
  [
    "ornstein — train, sample, measure and understand diffusion models",
    "",
    ...Object.values(commands).map(({ name, summary }) => `  ${name.padEnd(11)} ${summary}`),
    "",
    "  ornstein COMMAND --help says more. npm start trains on MNIST and draws digits, in minutes.",
  ].join("\n");

/** Splits the command's arguments by its table of flags; `--help` and `--json` belong to every command. */
function parse(command: Command, args: readonly string[]) {
  const everywhere: Command["flags"] = {
    help: { type: "boolean", short: "h", help: "Show this help" },
    json: { type: "boolean", help: "Print records as JSON lines" },
  };
  const options = Object.fromEntries(
    Object.entries({ ...command.flags, ...everywhere }).map(([name, { type, short }]) => [
      flagName(name).slice(2),
      type === "boolean"
        ? { type, ...(short && { short }) }
        : { type: "string" as const, multiple: true, ...(short && { short }) },
    ]),
  );
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: false });
  const given = Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const key = name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
      return [
        key,
        Array.isArray(value) && value.length === 1 && command.flags[key]?.type !== "strings" ? value[0] : value,
      ];
    }),
  );
  return { given, positionals };
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    console.log(overview());
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw unknownName("ornstein: command", name, Object.keys(commands));
  const { given, positionals } = parse(command, rest);
  const { help, json, ...flags } = given;
  if (help) {
    console.log(helpOf(command));
    return 0;
  }
  const values = readFlags(name, command.flags, flags);
  const allowed = command.argument ? 1 : 0;
  if (positionals.length > allowed)
    throw new ConfigError(`ornstein ${name}: does not know what to do with ${JSON.stringify(positionals[allowed])}.`);
  if (command.argument?.required && positionals.length === 0)
    throw new ConfigError(`ornstein ${name}: needs ${command.argument.name}: ${command.argument.help}.`);
  const terminal = processTerminal(json === true);
  try {
    await command.run(positionals[0], values, terminal);
    return terminal.signal.aborted ? 130 : 0;
  } finally {
    terminal.close();
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // The user's mistakes are one line; ours keep their stack.
  if (error instanceof ConfigError || error instanceof GraphError || error instanceof SessionError) {
    console.error(error.message);
    process.exitCode = 2;
  } else {
    console.error(error);
    process.exitCode = 1;
  }
}
