/** Sheets of samples as PNG files. */
import sharp from "sharp";
import { pixelConventions } from "../data/index.ts";
import { writeAtomic } from "./atomic.ts";
import { cell, ink } from "./font.ts";

export interface SheetOptions {
  /** [channels, height, width] of one image; of 2 and 4 channels the last is opacity, over white; of more three are drawn. */
  readonly shape: readonly number[];
  readonly columns: number;
  /** Each pixel is drawn this many times larger; left out: so that images are about 64 pixels wide. */
  readonly scale?: number;
  /** Text at the left of each row. */
  readonly rowLabels?: readonly string[];
  /** Text above the sheet. */
  readonly title?: string;
}

const gap = 2;
/** How much the font is enlarged. */
const letter = 2;
const gray = 70;

/** Draws images, laid flat in [−1, 1], on a grid, row by row, and writes the PNG. */
export async function writeSheet(path: string, images: ArrayLike<number>, options: SheetOptions): Promise<void> {
  const { shape, columns, rowLabels = [], title } = options;
  const [channels, height, width] = shape;
  const { scale = Math.max(1, Math.round(64 / Math.max(height, width))) } = options;
  const count = Math.floor(images.length / (channels * height * width));
  const rows = Math.ceil(count / columns);
  const [cellW, cellH] = [width * scale + gap, height * scale + gap];
  const margin = 4 * letter;
  const longest = Math.max(0, ...rowLabels.map((label) => label.length));
  const left = longest > 0 ? longest * cell.width * letter + 2 * margin : gap;
  const top = title === undefined ? gap : cell.height * letter + 2 * margin;
  const titleWidth = title === undefined ? 0 : title.length * cell.width * letter + 2 * margin;
  const sheet = blank(Math.max(left + columns * cellW, titleWidth), top + rows * cellH);
  const { toByte } = pixelConventions.edm;

  for (let n = 0; n < count; n++) {
    const [x0, y0] = [left + (n % columns) * cellW, top + Math.floor(n / columns) * cellH];
    for (let y = 0; y < height * scale; y++)
      for (let x = 0; x < width * scale; x++)
        for (let c = 0; c < 3; c++) {
          const plane = (channel: number) =>
            images[((n * channels + channel) * height + Math.floor(y / scale)) * width + Math.floor(x / scale)];
          const colour = plane(channels < 3 ? 0 : c);
          const opacity =
            channels === 2 || channels === 4 ? Math.min(1, Math.max(0, (plane(channels - 1) + 1) / 2)) : 1;
          sheet.pixels[((y0 + y) * sheet.width + x0 + x) * 3 + c] = toByte(1 - opacity * (1 - colour));
        }
  }
  if (title !== undefined) write(sheet, title, margin, margin);
  for (const [row, label] of rowLabels.entries())
    write(sheet, label, margin, top + row * cellH + Math.floor((cellH - gap - cell.height * letter) / 2));

  const png = await sharp(sheet.pixels, { raw: { width: sheet.width, height: sheet.height, channels: 3 } })
    .png()
    .toBuffer();
  writeAtomic(path, [png]);
}

interface Canvas {
  readonly width: number;
  readonly height: number;
  /** [height × width × 3], bytes. */
  readonly pixels: Uint8Array;
}

const blank = (width: number, height: number): Canvas => ({
  width,
  height,
  pixels: new Uint8Array(width * height * 3).fill(255),
});

/** Writes a line of text with its upper left corner at (x0, y0). */
function write({ width, height, pixels }: Canvas, text: string, x0: number, y0: number): void {
  for (const [x, y] of ink(text))
    for (let dy = 0; dy < letter; dy++) {
      const [px, py] = [x0 + x * letter, y0 + y * letter + dy];
      if (py >= 0 && py < height) pixels.fill(gray, (py * width + px) * 3, (py * width + px + letter) * 3);
    }
}

export interface ScatterOptions {
  /** Numbers in a point; the first two are drawn. Default 2. */
  readonly dims?: number;
  /** Pixels. Default 512. */
  readonly side?: number;
}

/** From so many numbers on a point is taken for a signal. */
const leastSignal = 8;
const mostSignals = 32;

/**
 * Draws points as a scatter plot, one dot each, and writes the PNG; points of eight numbers or more as curves, the first
 * 32 of them, each number a step to the right. Points that are not finite are left out.
 */
export async function writeScatter(
  path: string,
  points: ArrayLike<number>,
  { dims = 2, side = 512 }: ScatterOptions = {},
): Promise<void> {
  if (dims >= leastSignal) return writeCurves(path, points, dims, side);
  const shown = Array.from({ length: Math.floor(points.length / dims) }, (_, i) => [
    points[i * dims],
    dims > 1 ? points[i * dims + 1] : 0,
  ]).filter((point) => point.every(Number.isFinite));
  const extent = shown.reduce((most, [x, y]) => Math.max(most, Math.abs(x), Math.abs(y)), 1e-6);
  const place = (value: number) => (((value / extent) * 0.48 + 0.5) * side).toFixed(1);
  const dots = shown.map(([x, y]) => `<circle cx="${place(x)}" cy="${place(-y)}" r="1.2"/>`);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}"><rect width="100%" height="100%" fill="#fff"/><g fill="#1f5fa8" fill-opacity="0.5">${dots.join("")}</g></svg>`;
  writeAtomic(path, [await sharp(Buffer.from(svg)).png().toBuffer()]);
}

async function writeCurves(path: string, points: ArrayLike<number>, dims: number, side: number): Promise<void> {
  const count = Math.min(mostSignals, Math.floor(points.length / dims));
  const signals = Array.from({ length: count }, (_, i) =>
    Array.from({ length: dims }, (_, k) => points[i * dims + k]),
  ).filter((signal) => signal.every(Number.isFinite));
  const extent = signals.flat().reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  const x = (k: number) => ((0.02 + (0.96 * k) / (dims - 1)) * side).toFixed(1);
  const y = (value: number) => ((0.5 - (0.48 * value) / extent) * side).toFixed(1);
  const curves = signals.map(
    (signal) => `<polyline points="${signal.map((value, k) => `${x(k)},${y(value)}`).join(" ")}"/>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}"><rect width="100%" height="100%" fill="#fff"/><g fill="none" stroke="#1f5fa8" stroke-opacity="0.5">${curves.join("")}</g></svg>`;
  writeAtomic(path, [await sharp(Buffer.from(svg)).png().toBuffer()]);
}
