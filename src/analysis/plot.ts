/** Line plots as SVG text: axes, ticks, a legend, linear or logarithmic scales. No DOM, no dependencies. */
import { ConfigError } from "../errors/index.ts";

/** One line; points whose y is not finite (or not positive, on a logarithmic scale) interrupt it. */
export interface Series {
  readonly name: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly dashed?: boolean;
  /** Whether a dot stands at every point. Default false. */
  readonly points?: boolean;
}

export interface PlotOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  /** Logarithmic y; default false. */
  readonly log?: boolean;
  /** Ends of the y-axis in place of those of the data. */
  readonly yRange?: readonly [low: number, high: number];
  /** Where the names of the lines stand: in the emptiest corner of the plot, or right of it. Default inside. */
  readonly legend?: "inside" | "outside";
  /** In pixels; default 640 × 400, and 150 more for a legend outside. */
  readonly width?: number;
  readonly height?: number;
}

/** Colours that stay apart for most colour-blind readers (Okabe & Ito 2008). */
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#7f7f7f"];
const legendWidth = 150;

/** A plot of lines. Throws ConfigError if there is nothing to show. */
export function linePlot(options: PlotOptions): string {
  const { title, xLabel, yLabel, series, log = false, legend: place = "inside", height = 400 } = options;
  const outside = place === "outside" ? legendWidth : 0;
  const { width = 640 + outside } = options;
  const margin = { top: 32, right: 16 + outside, bottom: 44, left: 64 };
  const shown = (value: number) => Number.isFinite(value) && (!log || value > 0);
  const points = series
    .flatMap(({ x, y }) => Array.from(x, (value, i) => [value, y[i]] as const))
    .filter(([, y]) => shown(y));
  if (points.length === 0) throw new ConfigError(`plot "${title}": has no point to show.`);
  const scaled = (value: number) => (log ? Math.log10(value) : value);
  const [x0, x1] = widened(points.map(([x]) => x));
  const [y0, y1] = options.yRange
    ? [scaled(options.yRange[0]), scaled(options.yRange[1])]
    : widened(points.map(([, y]) => scaled(y)));
  const [right, bottom] = [width - margin.right, height - margin.bottom];
  const px = (x: number) => margin.left + ((x - x0) / (x1 - x0)) * (right - margin.left);
  const py = (y: number) => bottom - ((scaled(y) - y0) / (y1 - y0)) * (bottom - margin.top);

  const path = ({ x, y }: Series) => {
    let [d, open] = ["", false];
    for (let i = 0; i < x.length; i++) {
      if (!shown(y[i])) {
        open = false;
        continue;
      }
      d += `${open ? "L" : "M"}${px(x[i]).toFixed(1)} ${py(y[i]).toFixed(1)}`;
      open = true;
    }
    return d;
  };
  const line = (d: string, rest: string) => `<path d="${d}" fill="none" ${rest}/>`;
  const text = (x: number, y: number, content: string, rest = "") =>
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${rest}>${escaped(content)}</text>`;
  const xTicks = ticks(x0, x1, 8);
  const yTicks = log ? decadeTicks(y0, y1) : ticks(y0, y1, 6);
  const grid = [
    ...xTicks.map((x) => `M${px(x).toFixed(1)} ${margin.top}V${bottom}`),
    ...yTicks.map((y) => `M${margin.left} ${py(y).toFixed(1)}H${right}`),
  ].join("");
  const names = series.map(({ name }) => name);
  const frame = { left: margin.left, right, top: margin.top, bottom };
  const corner = emptiest(
    cornersOf(frame, names),
    series.flatMap(({ x, y }) => pixels(x, y, px, (value) => (shown(value) ? py(value) : Number.NaN))),
  );
  const legend = series.map(({ name, dashed }, i) => {
    const [y, stroke] = [(outside > 0 ? margin.top : corner.top) + 16 + 17 * i, strokeOf(i, dashed)];
    if (outside > 0) return line(`M${right + 8} ${y - 4}h20`, stroke) + text(right + 34, y, name);
    return corner.right === right
      ? line(`M${right - 26} ${y - 4}h20`, stroke) + text(right - 32, y, name, 'text-anchor="end"')
      : line(`M${corner.left + 6} ${y - 4}h20`, stroke) + text(corner.left + 32, y, name);
  });
  const { left, top } = corner;
  const backing = `<rect x="${left + 1}" y="${top + 1}" width="${corner.right - left - 2}" height="${corner.bottom - top - 2}" fill="#fff" fill-opacity="0.75"/>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#222">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<clipPath id="inside"><rect x="${margin.left}" y="${margin.top}" width="${right - margin.left}" height="${bottom - margin.top}"/></clipPath>`,
    line(grid, 'stroke="#e4e4e4"'),
    line(`M${margin.left} ${margin.top}V${bottom}H${right}`, 'stroke="#666"'),
    ...xTicks.map((x) => text(px(x), bottom + 16, label(x), 'text-anchor="middle"')),
    ...yTicks.map((y) => text(margin.left - 6, py(y) + 4, label(y), 'text-anchor="end"')),
    text((margin.left + right) / 2, height - 8, xLabel, 'text-anchor="middle"'),
    `<g transform="rotate(-90 14 ${(margin.top + bottom) / 2})">${text(14, (margin.top + bottom) / 2, yLabel, 'text-anchor="middle"')}</g>`,
    text((margin.left + right) / 2, 20, title, 'text-anchor="middle" font-size="14"'),
    `<g clip-path="url(#inside)">`,
    ...series.map((one, i) => line(path(one), strokeOf(i, one.dashed))),
    ...series.flatMap(({ x, y, points: dots = false }, i) =>
      Array.from(dots ? x : [], (value, k) => [value, y[k]] as const)
        .filter(([, value]) => shown(value))
        .map(([a, b]) => `<circle cx="${px(a).toFixed(1)}" cy="${py(b).toFixed(1)}" r="3" fill="${colourOf(i)}"/>`),
    ),
    "</g>",
    ...(series.length > 1 ? [...(outside > 0 ? [] : [backing]), ...legend] : []),
    "</svg>",
    "",
  ].join("\n");
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Where names can stand, the usual place first. */
function cornersOf({ left, right, top, bottom }: Box, names: readonly string[]): readonly Box[] {
  // Letters of 12 pixels are about 7 wide.
  const width = Math.min(right - left, 42 + 7 * Math.max(...names.map((name) => name.length)));
  const height = Math.min(bottom - top, 17 * names.length + 8);
  const [atRight, atLeft] = [
    { left: right - width, right },
    { left, right: left + width },
  ];
  const [above, below] = [
    { top, bottom: top + height },
    { top: bottom - height, bottom },
  ];
  return [above, below].flatMap((vertical) => [atRight, atLeft].map((side) => ({ ...side, ...vertical })));
}

/** The first of those boxes that the fewest pixels of lines are in. */
function emptiest(boxes: readonly Box[], pixels: readonly (readonly [number, number])[]): Box {
  const hidden = ({ left, right, top, bottom }: Box) =>
    pixels.reduce((sum, [x, y]) => sum + Number(x > left && x < right && y > top && y < bottom), 0);
  const counts = boxes.map(hidden);
  return boxes[counts.indexOf(Math.min(...counts))];
}

/** Points every few pixels along a line; none where `py` is not a number. */
function pixels(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  px: (x: number) => number,
  py: (y: number) => number,
): (readonly [number, number])[] {
  const all: [number, number][] = [];
  for (let i = 0; i < x.length; i++) {
    const [a, b] = [px(x[i]), py(y[i])];
    if (!Number.isFinite(b)) continue;
    all.push([a, b]);
    if (i === 0 || !Number.isFinite(py(y[i - 1]))) continue;
    const [c, d] = [px(x[i - 1]), py(y[i - 1])];
    const steps = Math.ceil(Math.hypot(a - c, b - d) / 4);
    for (let k = 1; k < steps; k++) all.push([a + ((c - a) * k) / steps, b + ((d - b) * k) / steps]);
  }
  return all;
}

/** A line's colour; where colours begin again, lines are dotted. */
function strokeOf(i: number, dashed = false): string {
  const dashes = i >= colours.length ? "2 3" : dashed ? "6 4" : "";
  const dash = dashes === "" ? "" : ` stroke-dasharray="${dashes}"`;
  return `stroke="${colourOf(i)}" stroke-width="2"${dash}`;
}

const colourOf = (i: number) => colours[i % colours.length];

const escaped = (content: string) => content.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** The ends of the values, apart even where there is only one. */
function widened(values: readonly number[]): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
}

/** About `count` round numbers between two ends. */
export function ticks(low: number, high: number, count: number): number[] {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= raw) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** Powers of ten between two exponents, with 2, 3 and 5 times them where they are fewer than three. */
function decadeTicks(low: number, high: number): number[] {
  const powers = ticks(low, high, 6).filter(Number.isInteger);
  if (powers.length > 2) return powers.map((power) => 10 ** power);
  const first = Math.floor(low);
  return Array.from({ length: Math.ceil(high) - first + 1 }, (_, i) => 10 ** (first + i))
    .flatMap((decade) => [decade, 2 * decade, 3 * decade, 5 * decade])
    .filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
}

function label(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(0).replace("e+", "e");
  return String(Number(value.toPrecision(6)));
}
