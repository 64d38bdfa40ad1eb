/** Runs side by side, as one page of HTML that needs nothing else: no scripts, no network, light and dark. */
import { incomparable, type Measurement } from "../../evaluation/index.ts";
import type { DrawingExpense } from "../../recipe/index.ts";
import type { Evaluation, RunSubject, StatsLine } from "../../runs/index.ts";
import { describeSubject } from "../evaluation-text.ts";
import { secondsOf } from "../explain.ts";
import { amount, duration, flops } from "../terminal.ts";
import type { Difference } from "./differences.ts";
import { type Bar, escaped, intervals, lines } from "./plot.ts";
import { describeTest, digitsOf, type PairTest } from "./tests.ts";

/** A run, as far as the page shows it. */
export interface ComparedRun {
  readonly name: string;
  readonly images: number;
  readonly step: number;
  readonly parameters: number;
  readonly data: string;
  readonly stats: readonly StatsLine[];
  readonly evaluations: readonly Evaluation[];
  /** Of whom it is a student, in words. */
  readonly lineage?: string;
  /** What a sample takes. */
  readonly drawing?: DrawingExpense;
  /** The latest sheet of samples, a PNG, and how many images had been seen. */
  readonly sheet?: { readonly png: Uint8Array; readonly images: number };
}

export interface Comparison {
  readonly runs: readonly ComparedRun[];
  readonly differ: readonly Difference[];
  readonly same: number;
  readonly tests: readonly PairTest[];
}

/** The page. */
export function page({ runs, differ, same, tests }: Comparison): string {
  const title = runs.map(({ name }) => name).join(" and ");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escaped(title)}</title>
<style>${style}</style>
<main>
<header><p class="kind">Comparison of runs</p><h1>${runs.map(({ name }, i) => `${key(i)}${escaped(name)}`).join('<span class="vs">·</span>')}</h1></header>
${summary(runs)}
${recipes(runs, differ, same)}
${curves(runs)}
${metrics(runs)}
${pairs(runs, tests)}
${sheets(runs)}
<footer>Written by <code>ornstein compare</code>. Intervals are Student's, at 95 %, over seeds: they are about the sampling, not about training again.</footer>
</main>
</html>
`;
}

const key = (i: number) => `<i class="key" style="background:var(--c${i % 6})"></i>`;
const section = (title: string, content: string, lead = "") =>
  `<section><h2>${title}</h2>${lead === "" ? "" : `<p class="lead">${lead}</p>`}${content}</section>`;
const table = (head: readonly string[], rows: readonly (readonly string[])[], kind = "") =>
  `<div class="scroll"><table${kind === "" ? "" : ` class="${kind}"`}><thead><tr>${head.map((cell) => `<th>${cell}</th>`).join("")}</tr></thead><tbody>${rows
    .map(
      (row) =>
        `<tr>${row.map((cell, i) => (i === 0 ? `<th scope="row">${cell}</th>` : `<td>${cell}</td>`)).join("")}</tr>`,
    )
    .join("")}</tbody></table></div>`;
const short = (value: number) => String(Number(value.toPrecision(4)));

function summary(runs: readonly ComparedRun[]): string {
  const tail = ({ stats }: ComparedRun) => stats.slice(-Math.max(1, Math.floor(stats.length / 20)));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const rows = runs.map((run, i) => [
    `${key(i)}${escaped(run.name)}${run.lineage ? `<small>${escaped(run.lineage)}</small>` : ""}`,
    escaped(run.data),
    amount(run.parameters),
    amount(run.images),
    amount(run.step),
    run.stats.length === 0 ? "–" : short(mean(tail(run).map(({ loss }) => loss))),
    run.stats.length === 0 ? "–" : `${short(mean(run.stats.map(({ imagesPerSecond }) => imagesPerSecond)))}`,
    run.stats.length === 0 ? "–" : duration(secondsOf(run.stats)),
    run.drawing ? `${run.drawing.evaluations} (${run.drawing.calls})` : "–",
    run.drawing ? flops(run.drawing.flops) : "–",
  ]);
  return section(
    "At a glance",
    table(
      ["run", "data", "parameters", "images", "updates", "last loss", "images/s", "time", "NFE (calls)", "a sample"],
      rows,
      "numbers",
    ),
    "NFE are evaluations of D for a sample as the recipe draws it, in brackets calls of the network, of which guidance makes two.",
  );
}

function recipes(runs: readonly ComparedRun[], differ: readonly Difference[], same: number): string {
  if (differ.length === 0) return section("Recipes", `<p>The recipes are equal, in all ${same} fields.</p>`);
  const rows = differ.map(({ path, values }) => [
    `<code>${escaped(path).replaceAll(".", ".<wbr>")}</code>`,
    ...values.map((value) => (value === undefined ? '<span class="none">–</span>' : escaped(value))),
  ]);
  return section(
    "What differs in the recipes",
    table(["field", ...runs.map(({ name }, i) => key(i) + escaped(name))], rows),
    `${differ.length === 1 ? "1 field differs" : `${differ.length} fields differ`}, ${same} are equal. Losses compare only where objective, prediction and data are the same.`,
  );
}

/** Means over a window, so that trends show. */
function smoothed(points: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const half = Math.floor(points.length / 60);
  return points.map(([x], i) => {
    const part = points.slice(Math.max(0, i - half), i + half + 1);
    return [x, part.reduce((sum, [, y]) => sum + y, 0) / part.length] as const;
  });
}

/** As many points as a plot can show. */
const thin = <T>(points: readonly T[], most = 400): T[] => {
  const every = Math.max(1, Math.ceil(points.length / most));
  return points.filter((_, i) => i % every === 0 || i === points.length - 1);
};

function curves(runs: readonly ComparedRun[]): string {
  const of = (value: (line: StatsLine) => number, yLabel: string, log: boolean) => {
    const all = runs.map(({ stats }) => stats.map((line) => [line.images, value(line)] as const));
    return lines({
      xLabel: "images",
      yLabel,
      log,
      lines: [
        ...all.map((points, i) => ({ colour: i % 6, points: thin(points), faint: true })),
        ...all.map((points, i) => ({ colour: i % 6, points: thin(smoothed(points)) })),
      ],
    });
  };
  const plots = [
    of(({ loss }) => loss, "loss", true),
    of(({ gradientNorm }) => gradientNorm, "gradient norm", true),
    of(({ lr }) => lr, "learning rate", false),
    of(({ imagesPerSecond }) => imagesPerSecond, "images/s", false),
  ].filter((plot) => plot !== "");
  if (plots.length === 0) return "";
  return section(
    "Training",
    `${legend(runs)}<div class="plots">${plots.map((plot) => `<figure>${plot}</figure>`).join("")}</div>`,
  );
}

const legend = (runs: readonly ComparedRun[]) =>
  `<p class="legend">${runs.map(({ name }, i) => `<span>${key(i)}${escaped(name)}</span>`).join("")}</p>`;

/** An evaluation of a run. */
interface Judged {
  readonly run: number;
  readonly evaluation: Evaluation;
}

/** Evaluations of a run in the table; a long sweep has its own. */
const mostJudged = 8;
/** Columns of samples, and of metrics with their intervals beside them, that fit the page. */
const [mostAcross, mostMetrics] = [6, 7];

function metrics(runs: readonly ComparedRun[]): string {
  const all = runs.flatMap(({ evaluations }, run) =>
    latestOf(evaluations)
      .slice(-mostJudged)
      .map((evaluation): Judged => ({ run, evaluation })),
  );
  if (all.length === 0)
    return section("Metrics", "<p>None of the runs has been evaluated: <code>npx ornstein eval RUN</code> does.</p>");
  const names = [...new Set(all.flatMap(({ evaluation }) => evaluation.measurements.map(({ name }) => name)))];
  const of = ({ evaluation }: Judged, name: string) => evaluation.measurements.find((one) => one.name === name);
  const samples = all.map(
    ({ run, evaluation: { subject, protocol } }) =>
      `${key(run)}${escaped(runs[run].name)}<small>${escaped(describeSubject(subject))}; ${protocol.seeds.length} × ${protocol.n}</small>`,
  );
  const better = names.map((name) => all.map((one) => of(one, name)).find((found) => found)?.better);
  const metric = names.map((name, i) => `${escaped(name)} <small>${better[i] === "lower" ? "↓" : "↑"}</small>`);
  const cell = (judged: Judged, name: string) => {
    const found = of(judged, name);
    return found ? withInterval(found) : '<span class="none">–</span>';
  };
  // Few samples go across, so that the table fits the page.
  const judgements =
    all.length < names.length && all.length <= mostAcross
      ? table(
          ["metric", ...samples],
          names.map((name, i) => [metric[i], ...all.map((judged) => cell(judged, name))]),
          "numbers across",
        )
      : table(
          ["samples", ...metric],
          all.map((judged, i) => [samples[i], ...names.map((name) => cell(judged, name))]),
          names.length > mostMetrics ? "numbers stacked" : "numbers",
        );
  const figures = names.map((name, i) => {
    const found = all.filter(isLast(all)).flatMap((judged) => {
      const one = of(judged, name);
      return one ? [{ run: judged.run, one }] : [];
    });
    const bars = found.map(
      ({ run, one }): Bar => ({
        colour: run % 6,
        mean: meanOf(one),
        low: one.over?.low ?? meanOf(one),
        high: one.over?.high ?? meanOf(one),
      }),
    );
    const floors = found.flatMap(({ one }) => one.floor ?? []);
    const floor = floors.length > 0 && floors.every((value) => value === floors[0]) ? floors[0] : undefined;
    return `<figure><figcaption>${escaped(name)} <small>${better[i]} is better${floor === undefined ? "" : `; line: real data, ${short(floor)}`}</small></figcaption>${intervals(bars, floor)}</figure>`;
  });
  const warnings = [
    ...new Set(
      all.slice(1).flatMap(({ evaluation }) => incomparable(all[0].evaluation.protocol, evaluation.protocol) ?? []),
    ),
  ];
  const warning =
    warnings.length === 0
      ? ""
      : `<p class="warning">Not all of these numbers may be put side by side: ${escaped(warnings.join("; "))}.</p>`;
  return section(
    "Metrics",
    `${warning}${judgements}${leftOut(runs)}${overTraining(runs, names)}${legend(runs)}<div class="plots small">${figures.join("")}</div>`,
    "Mean and half of the 95 % interval over seeds. Arrows say which way is better.",
  );
}

/** How many evaluations the table leaves out. */
function leftOut(runs: readonly ComparedRun[]): string {
  const more = runs.flatMap(({ name, evaluations }) => {
    const count = latestOf(evaluations).length - mostJudged;
    return count > 0 ? [`${count} earlier ones of ${escaped(name)}`] : [];
  });
  return more.length === 0 ? "" : `<p class="lead">${more.join(", ")}: in its <code>eval.jsonl</code>.</p>`;
}

/** Metrics of every two runs, tested. */
function pairs(runs: readonly ComparedRun[], tests: readonly PairTest[]): string {
  if (tests.length === 0) return "";
  const rows = tests.map((test) => [
    escaped(test.metric),
    ...[test.second, test.first].map((i) => `${key(i)}${escaped(runs[i].name)}`),
    escaped(describeTest(test)),
  ]);
  return section(
    "Differences",
    table(["metric", "run", "against", "difference"], rows),
    "Of the latest evaluations: mean difference and half of its 95 % interval over seeds, in pairs where both runs have the same seeds, else Welch’s. p is not corrected for the number of tests.",
  );
}

/** Whether samples are those of a run's last evaluated checkpoint; what came before is shown over training. */
function isLast(all: readonly Judged[]): (judged: Judged) => boolean {
  const stepOf = ({ evaluation: { subject } }: Judged) => (subject.type === "run" ? subject.step : 0);
  return (judged) => all.every((other) => other.run !== judged.run || stepOf(other) <= stepOf(judged));
}

/** Of evaluations of the same kind of samples the latest, in the order of time. */
function latestOf(evaluations: readonly Evaluation[]): Evaluation[] {
  const latest = new Map<string, Evaluation>();
  for (const one of evaluations) {
    const { subject, protocol } = one;
    const what = subject.type === "run" ? whatWas(subject) : subject.hash;
    const kind = JSON.stringify([what, protocol.n, protocol.features.hash, protocol.reference.hash]);
    latest.delete(kind);
    latest.set(kind, one);
  }
  return [...latest.values()];
}

const whatWas = ({ step, weights, ema, sampling, classifier, discriminator }: RunSubject) =>
  JSON.stringify([step, weights, ema, sampling, classifier, discriminator]);

const meanOf = ({ over, values }: Measurement) => over?.mean ?? values[0];

function withInterval(found: Measurement): string {
  if (!found.over) return short(found.values[0]);
  const half = found.over.high - found.over.mean;
  const digits = digitsOf(half, found.over.mean);
  return `${found.over.mean.toFixed(digits)} <span class="half">± ${half.toFixed(digits)}</span>`;
}

/** Metrics against images seen, of runs that were evaluated at several checkpoints. */
function overTraining(runs: readonly ComparedRun[], names: readonly string[]): string {
  const plots = names.flatMap((name) => {
    const own = runs.map(({ evaluations }, i) => ({
      colour: i % 6,
      dots: true,
      points: latestOf(evaluations)
        .flatMap(({ subject, measurements }) => {
          const found = measurements.find((one) => one.name === name);
          return subject.type === "run" && found ? [[subject.images, meanOf(found)] as const] : [];
        })
        .sort((a, b) => a[0] - b[0]),
    }));
    if (!own.some(({ points }) => new Set(points.map(([x]) => x)).size >= 3)) return [];
    return [`<figure>${lines({ xLabel: "images", yLabel: name, lines: own })}</figure>`];
  });
  return plots.length === 0 ? "" : `<div class="plots">${plots.join("")}</div>`;
}

function sheets(runs: readonly ComparedRun[]): string {
  const figures = runs.flatMap(({ name, sheet }, i) =>
    sheet
      ? [
          `<figure class="sheet"><figcaption>${key(i)}${escaped(name)} <small>after ${amount(sheet.images)} images</small></figcaption><img alt="Samples of ${escaped(name)}" src="data:image/png;base64,${Buffer.from(sheet.png).toString("base64")}"></figure>`,
        ]
      : [],
  );
  return figures.length === 0
    ? ""
    : section(
        "Samples",
        `<div class="sheets">${figures.join("")}</div>`,
        "The same noise in each run of the same data.",
      );
}

const style = `
:root{color-scheme:light dark;--bg:#fcfcfa;--ink:#22252a;--soft:#6b7078;--line:#e3e3de;--panel:#fff;--warn:#8a5a00;--warnbg:#fff6e0;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b0568f;--c4:#b58900;--c5:#3a9bd6}
@media (prefers-color-scheme:dark){:root{--bg:#16181c;--ink:#e4e5e7;--soft:#969ba3;--line:#2d3036;--panel:#1c1f24;--warn:#f0c674;--warnbg:#2c2617;
--c0:#58a8e0;--c1:#f28e4c;--c2:#3cc49c;--c3:#db8bbe;--c4:#e0b94a;--c5:#8ccbf2}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1120px;margin:0 auto;padding:56px 28px 72px}
header{border-bottom:1px solid var(--line);padding-bottom:20px;margin-bottom:36px}
.kind{margin:0;color:var(--soft);font-size:13px;letter-spacing:.04em}
h1{font-size:28px;font-weight:600;line-height:1.3;margin:6px 0 0;letter-spacing:-.01em}
.vs{color:var(--soft);font-weight:400;margin:0 .55em}
h2{font-size:18px;font-weight:600;margin:0 0 4px}
section{margin:0 0 48px}
.lead{color:var(--soft);margin:0 0 14px;max-width:70ch}
.scroll+.lead{margin-top:10px}
.key{display:inline-block;width:.62em;height:.62em;border-radius:50%;margin-right:.5em;vertical-align:.04em}
.scroll{overflow-x:auto;margin-top:12px}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;padding:8px 18px 8px 0;border-bottom:1px solid var(--line);vertical-align:top;font-weight:400;overflow-wrap:break-word}
thead th{color:var(--soft);font-size:13px;white-space:nowrap}
tbody th{min-width:150px}
.numbers td,.numbers thead th:not(:first-child){text-align:right;padding-right:0;padding-left:12px;font-variant-numeric:tabular-nums;white-space:nowrap}
th small{display:block;color:var(--soft)} thead th small,.across tbody th small{display:inline}
.across thead th:not(:first-child){white-space:normal;vertical-align:bottom;color:var(--ink);min-width:120px} .across thead th small{display:block}
.across tbody th{white-space:nowrap;min-width:0}
code{font:13px/1.4 ui-monospace,SFMono-Regular,Menlo,monospace}
.none,.half,small{color:var(--soft)} .stacked .half{display:block}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(480px,100%),1fr));gap:22px;margin-top:14px}
.plots.small{grid-template-columns:repeat(auto-fill,minmax(290px,1fr))}
figure{margin:0}
.plots figure{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:14px}
figcaption{margin-bottom:6px}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--soft);font:11.5px system-ui,sans-serif;font-variant-numeric:tabular-nums}
svg .grid{stroke:var(--line)} svg .axis{stroke:var(--soft);opacity:.6} svg .mark{stroke:var(--soft);stroke-dasharray:3 3}
.legend{display:flex;flex-wrap:wrap;gap:4px 22px;margin:10px 0 0;font-size:14px}
.sheets{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:26px;margin-top:14px}
.sheet img{width:100%;height:auto;image-rendering:pixelated;border:1px solid var(--line);border-radius:4px;background:#fff}
.warning{background:var(--warnbg);color:var(--warn);padding:10px 14px;border-radius:6px;margin:10px 0 0}
footer{color:var(--soft);font-size:13px;border-top:1px solid var(--line);padding-top:16px}
@media print{main{padding:0}section{break-inside:avoid}}
`.replaceAll("\n", "");
