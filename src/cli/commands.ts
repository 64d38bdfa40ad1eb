/** Every command of the command line, by name. */
import type { Command } from "./command.ts";
import { explain } from "./explain.ts";
import { quickstart } from "./quickstart.ts";
import { sample } from "./sample.ts";
import { train } from "./train.ts";

export const commands: Readonly<Record<string, Command>> = { quickstart, train, sample, explain };
