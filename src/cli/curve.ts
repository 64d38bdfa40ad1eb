/** Metrics against the images that training had seen. */
import { linePlot, type Series } from "../analysis/index.ts";
import type { Measurement } from "../evaluation/index.ts";
import type { Evaluation, Subject } from "../runs/index.ts";

/** A plot of every number by its name, a line for each kind of parameters and of sampling, with its interval dashed. */
export function curvesOf(evaluations: readonly Evaluation[]): Readonly<Record<string, string>> {
  const names = [...new Set(evaluations.flatMap(({ measurements }) => measurements.map(({ name }) => name)))];
  return Object.fromEntries(
    names.map((name) => {
      const kinds = new Map<string, { readonly images: number; readonly found: Measurement }[]>();
      for (const { subject, measurements } of evaluations) {
        const found = measurements.find((one) => one.name === name);
        if (!found || subject.type !== "run") continue;
        const kind = kindOf(subject);
        kinds.set(kind, [...(kinds.get(kind) ?? []), { images: subject.images, found }]);
      }
      const series = [...kinds].flatMap(([kind, points]): Series[] => {
        const sorted = points.toSorted((a, b) => a.images - b.images);
        const x = sorted.map(({ images }) => images);
        const of = (value: (found: Measurement) => number) => sorted.map(({ found }) => value(found));
        const mean = { name: kind, x, y: of(({ over, values }) => over?.mean ?? values[0]) };
        if (sorted.some(({ found }) => !found.over)) return [mean];
        return [
          mean,
          { name: "95 %", x, y: of(({ over }) => over!.low), dashed: true },
          { name: "95 %", x, y: of(({ over }) => over!.high), dashed: true },
        ];
      });
      return [name, linePlot({ title: `${name} in the course of training`, xLabel: "images", yLabel: name, series })];
    }),
  );
}

function kindOf(subject: Subject & { readonly type: "run" }): string {
  const { weights, ema, sampling } = subject;
  const guidance = typeof sampling.guidance === "object" ? sampling.guidance.scale : sampling.guidance;
  const parameters = ema === undefined ? (weights === "ema" ? "ema" : "raw") : `ema ${ema}`;
  return `${parameters}, ${sampling.sampler} ${sampling.steps}${guidance === undefined ? "" : `, guidance ${guidance}`}`;
}
