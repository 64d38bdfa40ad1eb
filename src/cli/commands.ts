/** Every command of the command line, by name. */
import { bench } from "./bench.ts";
import type { Command } from "./command.ts";
import { compare } from "./compare/index.ts";
import { dataBuild, dataInspect, dataSplit } from "./data.ts";
import { doctor } from "./doctor/index.ts";
import { evaluate } from "./eval.ts";
import { explain } from "./explain.ts";
import { likelihood } from "./likelihood.ts";
import { quickstart } from "./quickstart.ts";
import { sample } from "./sample.ts";
import { stats } from "./stats.ts";
import { steps } from "./steps.ts";
import { train } from "./train.ts";

export const commands: Readonly<Record<string, Command>> = {
  quickstart,
  train,
  sample,
  steps,
  eval: evaluate,
  likelihood,
  stats,
  explain,
  compare,
  doctor,
  "data inspect": dataInspect,
  "data build": dataBuild,
  "data split": dataSplit,
  bench,
};
