/** From the words of a command line to a command and typed values, or to one line about what is wrong with them. */
import { parseArgs } from "node:util";
import { ConfigError, unknownName } from "../errors/index.ts";
import { type Command, everywhere, type Flag, type Flags, flagName, placeholder, type Values } from "./command.ts";
import { commands } from "./commands.ts";
import { checkPlace } from "./places.ts";

type Value = Values<Flags>[string];

/** A command line that can be carried out. */
export interface Parsed {
  readonly command: Command;
  readonly argument: string | undefined;
  /** What follows the argument, of commands that take several. */
  readonly rest: readonly string[];
  readonly values: Values<Flags>;
  readonly json: boolean;
}

/** Reads `NAME [ARGUMENT…] [FLAGS…]`. Returns commands alone where their help is asked for. Throws ConfigError. */
export function parseCommandLine(words: readonly string[]): Parsed | { readonly helpOf: readonly Command[] } {
  const members = groupOf(words);
  if (members.length > 0) return { helpOf: members };
  const { command, args } = find(words);
  const { name, argument } = command;
  const { given, positionals } = split(command, args);
  if (given.has("help")) return { helpOf: [command] };
  for (const key of given.keys()) checkCompany(command, key, given);
  const values = Object.fromEntries(
    Object.entries(command.flags).map(([key, flag]) => [key, readFlag(name, key, flag, given.get(key) ?? [])]),
  );
  const [first, ...rest] = positionals;
  const extra = argument === undefined ? first : argument.many ? undefined : rest[0];
  if (extra !== undefined)
    throw new ConfigError(`ornstein ${name}: does not know what to do with ${JSON.stringify(extra)}.`);
  if (argument?.required && first === undefined)
    throw new ConfigError(`ornstein ${name}: needs ${argument.name}: ${argument.help}.`);
  return { command, argument: first, rest, values, json: given.has("json") };
}

/** The commands that begin with a word, where their help is asked for. */
function groupOf([word, next]: readonly string[]): readonly Command[] {
  if (next !== "--help" && next !== "-h") return [];
  return Object.values(commands).filter(({ name }) => name.startsWith(`${word} `));
}

/** The command whose name the words begin with; some names are two words. */
function find([first = "", second = "", ...others]: readonly string[]): { command: Command; args: string[] } {
  const named = (name: string) => (Object.hasOwn(commands, name) ? commands[name] : undefined);
  const pair = named(`${first} ${second}`);
  if (pair) return { command: pair, args: others };
  const command = named(first);
  if (command) return { command, args: second === "" && others.length === 0 ? [] : [second, ...others] };
  const members = Object.keys(commands).flatMap((name) => (name.startsWith(`${first} `) ? name.split(" ")[1] : []));
  if (members.length > 0 && second === "")
    throw new ConfigError(
      `ornstein ${first}: needs one of ${members.join(", ")}; ornstein ${first} --help says of each.`,
    );
  if (members.length > 0) throw unknownName(`ornstein ${first}`, second, members);
  throw unknownName("ornstein: command", first, Object.keys(commands));
}

/** The words given for each flag, `undefined` where a flag stands alone, and the words that belong to none. */
function split(command: Command, args: readonly string[]) {
  const flags: Flags = { ...command.flags, ...everywhere };
  const keys = new Map(Object.keys(flags).map((key) => [flagName(key), key]));
  const options = Object.fromEntries(
    Object.entries(flags).map(([key, { type, short }]) => [
      flagName(key).slice(2),
      { type: type === "boolean" ? ("boolean" as const) : ("string" as const), ...(short && { short }) },
    ]),
  );
  const { tokens } = parseArgs({ args: [...args], options, allowPositionals: true, strict: false, tokens: true });
  const given = new Map<string, (string | undefined)[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const key = keys.get(`--${token.name}`);
    if (key === undefined) throw unknownName(`ornstein ${command.name}: flag`, token.rawName, [...keys.keys()]);
    const { value, inlineValue } = token;
    const isFlag = !inlineValue && value !== undefined && keys.has(value);
    given.set(key, [...(given.get(key) ?? []), isFlag ? undefined : value]);
  }
  return { given, positionals };
}

/** Refuses a flag without the one that it needs, or beside one that leaves it without a use. */
function checkCompany({ name, flags }: Command, key: string, given: ReadonlyMap<string, unknown>): void {
  const { needs, notWith } = flags[key] ?? {};
  if (needs !== undefined && !given.has(needs))
    throw new ConfigError(`${name}: ${flagName(key)} needs ${flagName(needs)}. Give it too, or leave this out.`);
  const other = notWith?.find((one) => given.has(one));
  if (other !== undefined)
    throw new ConfigError(`${name}: ${flagName(key)} has no use beside ${flagName(other)}. Leave one of them out.`);
}

function readFlag(command: string, key: string, flag: Flag, given: readonly (string | undefined)[]): Value {
  const where = `${command}: ${flagName(key)}`;
  if (flag.type === "boolean") {
    const value = given.find((word) => word !== undefined);
    if (value !== undefined) throw new ConfigError(`${where}: takes no value; got ${JSON.stringify(value)}.`);
    return given.length > 0;
  }
  if (given.some((word) => word === undefined || word === ""))
    throw new ConfigError(`${where}: has no value (${placeholder(flag).trim()} expected).`);
  const words = given as readonly string[];
  if (flag.type === "strings") return words;
  if (words.length > 1) throw new ConfigError(`${where}: is given ${words.length} times (once expected).`);
  const [word] = words;
  if (flag.type === "string") {
    const text = word ?? flag.default;
    if (text !== undefined && flag.writes !== undefined) checkPlace(where, text, flag.writes);
    return text;
  }
  if (word === undefined) return "default" in flag ? flag.default : undefined;
  if (flag.type === "choice") {
    if (!flag.choices.includes(word)) throw unknownName(where, word, flag.choices);
    return word;
  }
  const value = Number(word);
  const { min = -Infinity, max = Infinity } = flag;
  const kind = flag.type === "integer" ? "a whole number" : "a number";
  const range = min === -Infinity ? "" : max === Infinity ? ` of at least ${min}` : ` from ${min} to ${max}`;
  const fits = flag.type === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (!fits || word.trim() === "" || value < min || value > max)
    throw new ConfigError(`${where}: must be ${kind}${range}; got ${JSON.stringify(word)}.`);
  return value;
}
