/** `eval.jsonl`: every number that a run was judged by, with how it was made, a line each evaluation. */
import { existsSync, readFileSync } from "node:fs";
import type { Measurement, MetricName, Protocol } from "../evaluation/index.ts";
import type { DiscriminatorGuidance, Recipe } from "../recipe/index.ts";
import { writeAtomic } from "./atomic.ts";

/** What was judged: samples of a checkpoint, or images from elsewhere. */
export type Subject =
  | RunSubject
  | { readonly type: "source"; readonly name: string; readonly hash: string; readonly size: number };

/** Samples of a checkpoint, and how they were drawn. */
export interface RunSubject {
  readonly type: "run";
  readonly step: number;
  readonly images: number;
  readonly weights: "ema" | "params";
  /** The relative length of an average that was put together after training, in place of the run's own. */
  readonly ema?: number;
  /** SHA-256 of the parameters. */
  readonly parameters: string;
  readonly sampling: Recipe["sampling"];
  /** Evaluations of D for a sample (NFE); null of a sampler that chooses as it runs, when nothing had to be drawn. */
  readonly evaluations: number | null;
  readonly classes: "as in the data" | "none";
  /** SHA-256 of the parameters of what guided. */
  readonly classifier?: { readonly parameters: string; readonly scale: number };
  readonly discriminator?: { readonly parameters: string } & Omit<DiscriminatorGuidance, "discriminator">;
  /** What the network computed in; float32 if left out. */
  readonly precision?: "float16";
}

/** One evaluation. */
export interface Evaluation {
  /** When, as an ISO date. */
  readonly at: string;
  readonly subject: Subject;
  readonly protocol: Protocol;
  readonly metrics: readonly MetricName[];
  readonly measurements: readonly Measurement[];
  /** What a reader should know. */
  readonly cautions: readonly string[];
}

/** The evaluations in a file, oldest first; lines that are no evaluation are left out. */
export function readEvaluations(path: string): Evaluation[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        const value: Evaluation | null = JSON.parse(line);
        return value?.subject && value.protocol && Array.isArray(value.measurements) ? [value] : [];
      } catch {
        return [];
      }
    });
}

/** Adds an evaluation to a file; after a crash the file is the old one or the new one. */
export function appendEvaluation(path: string, evaluation: Evaluation): void {
  const before = existsSync(path) ? readFileSync(path, "utf8").replace(/\n?$/, "\n").replace(/^\n$/, "") : "";
  writeAtomic(path, [before, `${JSON.stringify(evaluation)}\n`]);
}
