/** Sheets of samples as PNG files. */
import sharp from "sharp";
import { pixelConventions } from "../data/index.ts";
import { explained, writeAtomic } from "./atomic.ts";

export interface SheetOptions {
  /** [channels, height, width] of one image; 1 or 3 channels. */
  readonly shape: readonly number[];
  readonly columns: number;
  /** Each pixel is drawn this many times larger; 0 chooses so that images are about 64 pixels wide. */
  readonly scale?: number;
  /** Text at the left of each row. */
  readonly rowLabels?: readonly string[];
  /** Text above the sheet. */
  readonly title?: string;
}

/** Draws images, laid flat in [−1, 1], on a grid, row by row, and writes the PNG. */
export async function writeSheet(path: string, images: ArrayLike<number>, options: SheetOptions): Promise<void> {
  const { shape, columns, rowLabels, title } = options;
  const [channels, height, width] = shape;
  const scale = options.scale || Math.max(1, Math.round(64 / Math.max(height, width)));
  const count = Math.floor(images.length / (channels * height * width));
  const rows = Math.ceil(count / columns);
  const gap = 2;
  const [cellW, cellH] = [width * scale + gap, height * scale + gap];
  const left = rowLabels ? 12 + 9 * Math.max(...rowLabels.map((label) => label.length)) : gap;
  const top = title === undefined ? gap : 28;
  const [sheetW, sheetH] = [left + columns * cellW, top + rows * cellH];
  const pixels = new Uint8Array(sheetW * sheetH * 3).fill(255);
  const toByte = pixelConventions.edm.toByte;
  for (let n = 0; n < count; n++) {
    const [row, column] = [Math.floor(n / columns), n % columns];
    for (let y = 0; y < height * scale; y++)
      for (let x = 0; x < width * scale; x++)
        for (let c = 0; c < 3; c++) {
          const channel = Math.min(c, channels - 1);
          const at = ((n * channels + channel) * height + Math.floor(y / scale)) * width + Math.floor(x / scale);
          pixels[((top + row * cellH + y) * sheetW + left + column * cellW + x) * 3 + c] = toByte(images[at]);
        }
  }
  const texts = [
    ...(title === undefined ? [] : [text(left, 19, title)]),
    ...(rowLabels ?? []).map((label, row) => text(6, top + row * cellH + cellH / 2 + 5, label)),
  ];
  const labels = `<svg xmlns="http://www.w3.org/2000/svg" width="${sheetW}" height="${sheetH}">${texts.join("")}</svg>`;
  const png = await sharp(pixels, { raw: { width: sheetW, height: sheetH, channels: 3 } })
    .composite(texts.length > 0 ? [{ input: Buffer.from(labels), left: 0, top: 0 }] : [])
    .png()
    .toBuffer();
  explained(path, () => writeAtomic(path, [png]));
}

const text = (x: number, y: number, content: string) =>
  `<text x="${x}" y="${y}" font-family="sans-serif" font-size="14" fill="#333">${content.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`)}</text>`;

/** Draws points as a scatter plot, one dot each, and writes the PNG. */
export async function writeScatter(path: string, points: ArrayLike<number>, side = 512): Promise<void> {
  let extent = 1e-6;
  for (let i = 0; i < points.length; i++) extent = Math.max(extent, Math.abs(points[i]));
  const place = (value: number) => ((value / extent) * 0.48 + 0.5) * side;
  const dots = Array.from(
    { length: Math.floor(points.length / 2) },
    (_, i) => `<circle cx="${place(points[2 * i]).toFixed(1)}" cy="${place(-points[2 * i + 1]).toFixed(1)}" r="1.2"/>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}"><rect width="100%" height="100%" fill="#fff"/><g fill="#1f5fa8" fill-opacity="0.5">${dots.join("")}</g></svg>`;
  const png = await sharp(Buffer.from(svg)).png().toBuffer();
  explained(path, () => writeAtomic(path, [png]));
}
