/** Image files as planes of bytes, by sharp. It is loaded when first needed, because most data sets need no decoder. */
import { ConfigError } from "../../errors/index.ts";

/** The kinds of image that are read; everything else in a folder is passed over. */
export const extensions = [".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".svg"] as const;

/** What those files really contain must be one of these, whatever their names say. */
const formats: readonly string[] = ["png", "jpeg", "webp", "gif", "tiff", "svg"];
/** Some 100 megapixels: above the cameras of today, below what would exhaust memory. */
const limitInputPixels = 1e8;
const secondsPerImage = 60;

/** How images are to come out. */
export interface RasterShape {
  readonly height: number;
  readonly width: number;
  /** 1 is grey, 3 is red, green and blue. */
  readonly channels: 1 | 3;
}

/** What the header of an image file says. */
export interface RasterHeader {
  /** As the image is meant to be seen: after the rotation that cameras record. */
  readonly height: number;
  readonly width: number;
  readonly gray: boolean;
  /** Such as png. */
  readonly format: string;
  /** Colour space, bits, and whether it is partly transparent: "rgb 8 alpha". */
  readonly mode: string;
}

const spaces: Readonly<Record<string, string>> = { srgb: "rgb", rgb16: "rgb", "b-w": "gray", grey16: "gray" };
const depths: Readonly<Record<string, string>> = { uchar: "8", ushort: "16", float: "float" };

/** Opens an image file or an image in memory; `density` is the resolution for vector images. */
async function open(input: string | Uint8Array, density?: number) {
  const sharp = (await import("sharp")).default;
  // Files are small and many: one thread for each of several files is faster than several for one.
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp(input, { limitInputPixels, failOn: "error", autoOrient: true, ...(density && { density }) });
}

/** Reads no more than the header of a file, or of its bytes; what is no image, or too large a one, throws. */
export async function readHeader(input: string | Uint8Array): Promise<RasterHeader> {
  const { format, autoOrient, space, depth, hasAlpha } = await (await open(input)).metadata();
  if (!formats.includes(format)) throw new ConfigError(`it is ${format} (one of ${formats.join(", ")})`);
  const { width, height } = autoOrient;
  if (width * height > limitInputPixels) throw new ConfigError(`${width}×${height} pixels are too many`);
  const mode = `${spaces[space] ?? space} ${depths[depth] ?? depth}${hasAlpha ? " alpha" : ""}`;
  return { width, height, gray: space === "b-w" || space === "grey16", format, mode };
}

/**
 * Decodes an image into planes, [channels, height, width]. It is scaled so that it covers the frame (Lanczos) and what
 * juts out is cut off on both sides alike; what is transparent becomes white; only the first frame of a film is read; drawings are drawn at the size.
 */
export async function readImage(input: string | Uint8Array, shape: RasterShape): Promise<Uint8Array> {
  return decode(await open(input, await densityOf(input, shape)), shape, "cover");
}

/** A drawing has no pixels of its own: it is drawn as large as it is needed, within reason. Nothing for photographs. */
async function densityOf(input: string | Uint8Array, { height, width }: RasterShape): Promise<number | undefined> {
  const isText = typeof input === "string" ? /\.svg$/i.test(input) : input.subarray(0, 4).includes(0x3c);
  if (!isText) return undefined;
  const { format, ...own } = await (await open(input)).metadata();
  const larger = Math.max(height / own.height, width / own.width);
  return format === "svg" ? Math.min(Math.max(72 * larger, 1), 7200) : undefined;
}

/** Draws an SVG image whose own size is `units` on white, as large as fits the frame. */
export async function drawSvg(svg: string | Uint8Array, units: number, shape: RasterShape): Promise<Uint8Array> {
  // sharp draws one unit as one pixel at 72 dots an inch.
  return decode(await open(svg, (72 * Math.min(shape.height, shape.width)) / units), shape, "contain");
}

async function decode(image: Awaited<ReturnType<typeof open>>, shape: RasterShape, fit: "cover" | "contain") {
  const { height, width, channels } = shape;
  const { data, info } = await image
    .timeout({ seconds: secondsPerImage })
    .resize({ height, width, fit, background: "white" })
    .flatten({ background: "white" })
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== channels || data.length !== height * width * channels)
    throw new Error(`internal: ${info.width}×${info.height}×${info.channels} pixels from the decoder.`);
  return channels === 1 ? data : planes(data);
}

/** RGBRGB… as RR…GG…BB…. */
function planes(rgb: Uint8Array): Uint8Array {
  const size = rgb.length / 3;
  const out = new Uint8Array(rgb.length);
  for (let i = 0; i < size; i++) {
    out[i] = rgb[3 * i];
    out[size + i] = rgb[3 * i + 1];
    out[2 * size + i] = rgb[3 * i + 2];
  }
  return out;
}
