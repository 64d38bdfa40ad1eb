/** Plots for a page that is read in daylight and at night: lines and intervals as SVG, coloured by the page's variables. */
import { ticks } from "../../analysis/index.ts";

/** One line; its colour is the page's `--c0`, `--c1`, … */
export interface Line {
  readonly colour: number;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly faint?: boolean;
  readonly dots?: boolean;
}

export interface LinesOptions {
  readonly xLabel: string;
  readonly yLabel: string;
  readonly lines: readonly Line[];
  readonly log?: boolean;
}

const [width, height] = [520, 270];
const margin = { top: 12, right: 14, bottom: 40, left: 68 };

/** A plot of lines; an empty text if there is nothing to show. */
export function lines({ xLabel, yLabel, lines: given, log = false }: LinesOptions): string {
  const usable = ([x, y]: readonly [number, number]) => Number.isFinite(x) && Number.isFinite(y) && (!log || y > 0);
  const shown = given
    .map((line) => ({ ...line, points: line.points.filter(usable) }))
    .filter(({ points }) => points.length > 0);
  if (shown.length === 0) return "";
  const scaled = (y: number) => (log ? Math.log10(y) : y);
  const [x0, x1] = ends(shown.flatMap(({ points }) => points.map(([x]) => x)));
  const [y0, y1] = ends(shown.flatMap(({ points }) => points.map(([, y]) => scaled(y))));
  const px = (x: number) => margin.left + ((x - x0) / (x1 - x0)) * (width - margin.left - margin.right);
  const py = (y: number) => height - margin.bottom - ((y - y0) / (y1 - y0)) * (height - margin.top - margin.bottom);
  const xTicks = ticks(x0, x1, 6);
  const yTicks = log ? logTicks(y0, y1) : ticks(y0, y1, 5).map((y) => [y, label(y)] as const);
  return svg(width, height, [
    ...yTicks.map(([y]) => `<path class="grid" d="M${margin.left} ${f(py(y))}H${width - margin.right}"/>`),
    ...yTicks.map(([y, text]) => `<text x="${margin.left - 8}" y="${f(py(y) + 4)}" text-anchor="end">${text}</text>`),
    ...xTicks.map(
      (x) => `<text x="${f(px(x))}" y="${height - margin.bottom + 18}" text-anchor="middle">${label(x)}</text>`,
    ),
    `<path class="axis" d="M${margin.left} ${height - margin.bottom}H${width - margin.right}"/>`,
    `<text x="${(margin.left + width - margin.right) / 2}" y="${height - 6}" text-anchor="middle" class="name">${escaped(xLabel)}</text>`,
    `<text transform="rotate(-90 12 ${(height - margin.bottom) / 2})" x="12" y="${(height - margin.bottom) / 2}" text-anchor="middle" class="name">${escaped(yLabel)}</text>`,
    ...shown.map(({ points, colour, faint, dots }) => {
      const d = points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${f(px(x))} ${f(py(scaled(y)))}`).join("");
      const marks = dots
        ? points.map(([x, y]) => `<circle cx="${f(px(x))}" cy="${f(py(scaled(y)))}" r="3" fill="var(--c${colour})"/>`)
        : [];
      return `<path d="${d}" fill="none" stroke="var(--c${colour})" stroke-width="${faint ? 1 : 2}" stroke-linejoin="round"${faint ? ' opacity=".25"' : ""}/>${marks.join("")}`;
    }),
  ]);
}

/** A value with its interval. */
export interface Bar {
  readonly colour: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** Values with their intervals, one below the other on one scale; `mark` is drawn as a line across all. */
export function intervals(bars: readonly Bar[], mark: number | undefined): string {
  const [w, row] = [320, 22];
  const values = bars.flatMap(({ low, high, mean }) => [low, high, mean]);
  const [x0, x1] = ends([...values, ...(mark === undefined ? [] : [mark])]);
  const px = (x: number) => 8 + ((x - x0) / (x1 - x0)) * (w - 16);
  const h = bars.length * row + 22;
  return svg(w, h, [
    ...(mark === undefined ? [] : [`<path class="mark" d="M${f(px(mark))} 2V${h - 20}"/>`]),
    ...bars.flatMap(({ colour, mean, low, high }, i) => {
      const y = i * row + row / 2;
      return [
        `<path d="M${f(px(low))} ${y}H${f(px(high))}" stroke="var(--c${colour})" stroke-width="2" opacity=".55"/>`,
        ...[low, high].map(
          (x) => `<path d="M${f(px(x))} ${y - 4}V${y + 4}" stroke="var(--c${colour})" stroke-width="2" opacity=".55"/>`,
        ),
        `<circle cx="${f(px(mean))}" cy="${y}" r="4.5" fill="var(--c${colour})"/>`,
      ];
    }),
    `<path class="axis" d="M8 ${h - 20}H${w - 8}"/>`,
    ...ticks(x0, x1, 4).map((x) => `<text x="${f(px(x))}" y="${h - 5}" text-anchor="middle">${label(x)}</text>`),
  ]);
}

const svg = (w: number, h: number, content: readonly string[]) =>
  `<svg viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" role="img">${content.join("")}</svg>`;

export const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const f = (value: number) => value.toFixed(1);

/** The ends of values, with a little room, apart even where all are equal. */
function ends(values: readonly number[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const room = high > low ? 0.04 * (high - low) : 0.05 * Math.abs(high) || 1;
  return [low - room, high + room];
}

/** Powers of ten; where there are fewer than two also 2 and 5 of each, or round numbers between. */
function logTicks(low: number, high: number): (readonly [number, string])[] {
  const powers = ticks(low, high, 6).filter(Number.isInteger);
  if (powers.length >= 2) return powers.map((y) => [y, label(10 ** y)] as const);
  const first = Math.floor(low);
  const ladder = Array.from({ length: 3 * (Math.ceil(high) - first + 1) }, (_, i) => {
    const value = [1, 2, 5][i % 3] * 10 ** (first + Math.floor(i / 3));
    return [Math.log10(value), label(value)] as const;
  }).filter(([y]) => y >= low && y <= high);
  if (ladder.length >= 3) return ladder;
  return ticks(10 ** low, 10 ** high, 5)
    .filter((y) => y > 0)
    .map((y) => [Math.log10(y), label(y)] as const);
}

function label(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(4))}k`;
  if (size !== 0 && size < 1e-3) return value.toExponential(0).replace("e+", "e");
  return String(Number(value.toPrecision(4)));
}
