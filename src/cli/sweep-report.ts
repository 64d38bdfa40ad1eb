/** A sweep of evaluations as a table, and every number over the evaluations of the network. */
import { linePlot, type Series } from "../analysis/index.ts";
import type { Evaluation } from "../runs/index.ts";
import { describeParameters, interval } from "./evaluation-text.ts";
import type { Setting } from "./sweep.ts";

/** A setting and how it was judged. */
export interface JudgedSetting {
  readonly setting: Setting;
  readonly evaluation: Evaluation;
}

/** Evaluations of D for a sample; NaN where nobody counted. */
const nfe = ({ evaluation: { subject } }: JudgedSetting): number =>
  subject.type === "run" ? (subject.evaluations ?? Number.NaN) : Number.NaN;

/** Which parameters each row is of; empty texts where they are the same everywhere. */
function parametersOf(rows: readonly JudgedSetting[]): readonly string[] {
  const all = rows.map(({ evaluation: { subject } }) => (subject.type === "run" ? describeParameters(subject) : ""));
  return new Set(all).size > 1 ? all : all.map(() => "");
}

/** A line a setting: its NFE, and each number with half of its 95 % interval where there are seeds for one. */
export function sweepTable(rows: readonly JudgedSetting[]): string[] {
  const names = rows[0].evaluation.measurements.map(({ name }) => name);
  const parameters = parametersOf(rows);
  const differ = parameters.some((text) => text !== "");
  const cells = rows.map((row, i) => [
    row.setting.name,
    ...(differ ? [parameters[i]] : []),
    String(nfe(row)),
    ...row.evaluation.measurements.map(({ values, over }) =>
      over ? interval(over.mean, over.high - over.mean) : short(values[0]),
    ),
  ]);
  const all = [
    [Object.keys(rows[0].setting.values).join(" "), ...(differ ? ["parameters"] : []), "NFE", ...names],
    ...cells,
  ];
  const widths = all[0].map((_, i) => Math.max(...all.map((row) => row[i].length)));
  return all.map((row) =>
    row
      .map((cell, i) => (i === 0 || (differ && i === 1) ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join("  "),
  );
}

const short = (value: number) => String(Number(value.toPrecision(4)));

/**
 * A plot of every number, by its name: a line for each choice of all but the steps and for each of the parameters, over NFE; or over the first number that
 * was swept, where NFE is the same everywhere.
 */
export function sweepPlots(rows: readonly JudgedSetting[]): Readonly<Record<string, string>> {
  const byEvaluations = new Set(rows.map(nfe)).size > 1;
  const swept = Object.keys(rows[0].setting.values);
  const first = swept.find((name) => rows.every(({ setting }) => typeof setting.values[name] === "number"));
  if (!byEvaluations && first === undefined) return {};
  const along = byEvaluations ? "steps" : first;
  const at = (row: JudgedSetting) => (byEvaluations ? nfe(row) : Number(row.setting.values[first ?? ""]));
  const lines = new Map<string, JudgedSetting[]>();
  const parameters = parametersOf(rows);
  for (const [i, row] of rows.entries()) {
    const others = swept.filter((name) => name !== along);
    const settings = others.map((name) => `${name} ${row.setting.values[name]}`);
    const line = [...settings, parameters[i]].filter((text) => text !== "").join(", ");
    lines.set(line, [...(lines.get(line) ?? []), row]);
  }
  const { measurements } = rows[0].evaluation;
  return Object.fromEntries(
    measurements.map(({ name, better }, i) => {
      const series = [...lines].map(([line, members]): Series => {
        const sorted = members.toSorted((a, b) => at(a) - at(b));
        const y = sorted.map(({ evaluation }) => {
          const { values, over } = evaluation.measurements[i];
          return over?.mean ?? values[0];
        });
        return { name: line.replace(/^sampler /, ""), x: sorted.map(at), y, points: true };
      });
      const xLabel = byEvaluations ? "evaluations of the network for a sample (NFE)" : (first ?? "");
      const title = `${name}, ${better} is better`;
      return [name, linePlot({ title, xLabel, yLabel: name, series, legend: "outside" })];
    }),
  );
}
