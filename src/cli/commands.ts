/** Every command of the command line, by name. */
import type { Command } from "./command.ts";
import { sample } from "./sample.ts";
import { train } from "./train.ts";

export const commands: Readonly<Record<string, Command>> = { train, sample };
