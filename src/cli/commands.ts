/** Every command of the command line, by name. */
import { analyzeLowBit } from "./analyze-low-bit.ts";
import { analyzePairing } from "./analyze-pairing.ts";
import { analyzeRun } from "./analyze-run.ts";
import { analyzeSpectra } from "./analyze-spectra.ts";
import { analyzeTargets } from "./analyze-targets.ts";
import { analyzeW2Decay } from "./analyze-w2-decay.ts";
import { bench } from "./bench.ts";
import type { Command } from "./command.ts";
import { compare } from "./compare/index.ts";
import { dataBuild, dataInspect, dataSplit } from "./data.ts";
import { discriminate } from "./discriminate.ts";
import { distill } from "./distill.ts";
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
  distill,
  discriminate,
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
  "analyze w2-decay": analyzeW2Decay,
  "analyze targets": analyzeTargets,
  "analyze pairing": analyzePairing,
  "analyze run": analyzeRun,
  "analyze low-bit": analyzeLowBit,
  "analyze spectra": analyzeSpectra,
  bench,
};
