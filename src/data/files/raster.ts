/**
 * Images as planes of bytes, by sharp. It is loaded when first needed, because most data sets need no decoder. What is not
 * known to be a file of pixels comes here by way of `drawings.ts`.
 */
import { ConfigError } from "../../errors/index.ts";
import { type Crop, type Filter, framedIn, type Planes } from "./framing.ts";

/** The kinds of image that are read; everything else in a folder is passed over. */
export const extensions = [".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".svg"] as const;

/** What those files really contain must be one of these, whatever their names say. */
export const formats: readonly string[] = ["png", "jpeg", "webp", "gif", "tiff", "svg"];
/** Some 100 megapixels: above the cameras of today, below what would exhaust memory. */
const limitInputPixels = 1e8;
const secondsPerImage = 60;

/** How images are to come out. */
export interface RasterShape {
  readonly height: number;
  readonly width: number;
  /** 1 is grey, 3 is red, green and blue; 2 and 4 are these with opacity. */
  readonly channels: 1 | 2 | 3 | 4;
  /** Numbers in [−1, 1] of 16 bits each in place of bytes. */
  readonly deep?: boolean;
  /** What does not fit; centre by default. */
  readonly crop?: Crop;
  /** The crop's own by default: cubic for adm, else lanczos3. */
  readonly filter?: Filter;
}

/** What the header of an image file says. */
export interface RasterHeader {
  /** As the image is meant to be seen: after the rotation that cameras record. */
  readonly height: number;
  readonly width: number;
  readonly gray: boolean;
  /** Whether a channel has 16 bits. */
  readonly deep: boolean;
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
export async function decodeHeader(input: string | Uint8Array): Promise<RasterHeader> {
  const { format, autoOrient, space, depth, hasAlpha } = await (await open(input)).metadata();
  if (!formats.includes(format)) throw new ConfigError(`it is ${format} (one of ${formats.join(", ")})`);
  const { width, height } = autoOrient;
  if (width * height > limitInputPixels) throw new ConfigError(`${width}×${height} pixels are too many`);
  const mode = `${spaces[space] ?? space} ${depths[depth] ?? depth}${hasAlpha ? " alpha" : ""}`;
  return { width, height, gray: space === "b-w" || space === "grey16", deep: depth === "ushort", format, mode };
}

/**
 * Decodes an image into planes, [channels, height, width], of bytes or, if deep, of numbers in [−1, 1]. It is scaled so
 * that it covers the frame and what juts out is cut off on both sides alike, unless `crop` says otherwise. What is
 * transparent becomes white where opacity is no channel; colours are never multiplied by it. Only the first frame of a
 * film is read; drawings are drawn at the size.
 */
export async function decodeImage(input: string | Uint8Array, shape: RasterShape): Promise<Uint8Array | Float32Array> {
  const { deep = false, crop = "centre", filter = "lanczos3" } = shape;
  const image = await open(input, await densityOf(input, shape));
  // The decoder's own resampling is the fastest: it reads large JPEGs at a fraction of their size.
  if (!deep && crop === "centre" && filter === "lanczos3" && shape.channels !== 2) return decode(image, shape, "cover");
  return framed(image, shape);
}

/** A drawing has no pixels of its own: it is drawn as large as it is needed, within reason. Nothing for photographs. */
async function densityOf(input: string | Uint8Array, { height, width }: RasterShape): Promise<number | undefined> {
  const isText = typeof input === "string" ? /\.svg$/i.test(input) : input.subarray(0, 4).includes(0x3c);
  if (!isText) return undefined;
  const { format, ...own } = await (await open(input)).metadata();
  const larger = Math.max(height / own.height, width / own.width);
  return format === "svg" ? Math.min(Math.max(72 * larger, 1), 7200) : undefined;
}

/** Draws an SVG image whose own size is `units`, on white unless opacity is a channel, as large as fits the frame. */
export async function drawSvg(svg: string | Uint8Array, units: number, shape: RasterShape): Promise<Uint8Array> {
  // sharp draws one unit as one pixel at 72 dots an inch.
  return decode(await open(svg, (72 * Math.min(shape.height, shape.width)) / units), shape, "contain");
}

async function decode(image: Decoder, shape: RasterShape, fit: "cover" | "contain") {
  const { height, width, channels } = shape;
  const opacity = channels % 2 === 0;
  const background = opacity ? { r: 255, g: 255, b: 255, alpha: 0 } : "white";
  const sized = image.timeout({ seconds: secondsPerImage }).resize({ height, width, fit, background });
  const { data, info } = await (opacity ? sized.ensureAlpha() : sized.flatten({ background }))
    .toColourspace(channels <= 2 ? "b-w" : "srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== channels || data.length !== height * width * channels)
    throw new Error(`internal: ${info.width}×${info.height}×${info.channels} pixels from the decoder.`);
  return bytePlanes(data, channels);
}

/** The image at its own size, with its opacity, brought into the frame by us. */
async function framed(image: Decoder, shape: RasterShape): Promise<Uint8Array | Float32Array> {
  const { height, width, channels, deep = false, crop = "centre", filter } = shape;
  const gray = channels <= 2;
  // Of grey bytes the decoder leaves opacity out, of grey 16-bit numbers it does not.
  const whole =
    gray && !deep
      ? joined(await pixels(image.clone().removeAlpha(), gray, deep), await opacity(image))
      : await pixels(image.ensureAlpha(), gray, deep);
  // Colours of transparent pixels must not bleed into others.
  const inner = framedIn(weighted(whole), height, width, crop, filter);
  const finished = channels % 2 === 0 ? unweighted(inner) : onWhite(inner);
  const out = deep ? new Float32Array(channels * height * width).fill(-1) : new Uint8Array(channels * height * width);
  const [top, left] = [Math.floor((height - inner.height) / 2), Math.floor((width - inner.width) / 2)];
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < inner.height; y++)
      for (let x = 0; x < inner.width; x++) {
        const value = Math.min(1, Math.max(0, finished[(c * inner.height + y) * inner.width + x]));
        out[(c * height + top + y) * width + left + x] = deep ? 2 * value - 1 : Math.round(255 * value);
      }
  return out;
}

type Decoder = Awaited<ReturnType<typeof open>>;

/** Pixels at the file's own size, as planes of numbers in [0, 1]. */
async function pixels(image: Decoder, gray: boolean, deep: boolean): Promise<Planes> {
  const space = gray ? (deep ? "grey16" : "b-w") : deep ? "rgb16" : "srgb";
  return raw(image.toColourspace(space), deep);
}

/** Opacity by itself. */
const opacity = (image: Decoder): Promise<Planes> => raw(image.clone().ensureAlpha().extractChannel("alpha"), false);

async function raw(image: Decoder, deep: boolean): Promise<Planes> {
  const { data, info } = await image
    .timeout({ seconds: secondsPerImage })
    .raw({ depth: deep ? "ushort" : "uchar" })
    .toBuffer({ resolveWithObject: true });
  const { channels, height, width } = info;
  const numbers = deep ? new Uint16Array(new Uint8Array(data).buffer) : data;
  if (numbers.length !== channels * height * width)
    throw new Error(`internal: ${width}×${height}×${channels} pixels from the decoder.`);
  const most = deep ? 65_535 : 255;
  const values = planes(numbers, channels, new Float32Array(numbers.length)).map((value) => value / most);
  return { values, channels, height, width };
}

/** The first channel of each, one after the other. */
function joined(colour: Planes, alpha: Planes): Planes {
  const { height, width } = colour;
  const values = new Float32Array(2 * height * width);
  values.set(colour.values.subarray(0, height * width));
  values.set(alpha.values.subarray(0, height * width), height * width);
  return { values, channels: 2, height, width };
}

/** Colours times opacity, which is the last channel. */
function weighted({ values, channels, height, width }: Planes): Planes {
  const size = height * width;
  const alpha = (channels - 1) * size;
  for (let k = 0; k < alpha; k++) values[k] *= values[alpha + (k % size)];
  return { values, channels, height, width };
}

function unweighted({ values, channels, height, width }: Planes): Float32Array {
  const size = height * width;
  const alpha = (channels - 1) * size;
  for (let k = 0; k < alpha; k++)
    values[k] = values[alpha + (k % size)] > 0 ? values[k] / values[alpha + (k % size)] : 0;
  return values;
}

function onWhite({ values, channels, height, width }: Planes): Float32Array {
  const size = height * width;
  const alpha = (channels - 1) * size;
  for (let k = 0; k < alpha; k++) values[k] += 1 - values[alpha + (k % size)];
  return values;
}

/** RGBRGB… as RR…GG…BB…, for the usual images four pixels at a time: three words in, three words out. */
function bytePlanes(pixels: Uint8Array, channels: number): Uint8Array {
  // All of it is written; zeros first would take time.
  const out = Buffer.allocUnsafeSlow(pixels.length);
  if (channels !== 3 || pixels.length % 12 !== 0 || pixels.byteOffset % 4 !== 0) return planes(pixels, channels, out);
  const words = pixels.length / 12;
  const from = new Int32Array(pixels.buffer, pixels.byteOffset, 3 * words);
  const [red, green, blue] = [0, 1, 2].map((c) => new Int32Array(out.buffer, 4 * c * words, words));
  for (let i = 0, at = 0; i < words; i++, at += 3) {
    const [a, b, c] = [from[at], from[at + 1], from[at + 2]];
    red[i] = (a & 0xff) | ((a >>> 16) & 0xff00) | (b & 0xff0000) | ((c << 16) & 0xff000000);
    green[i] = ((a >>> 8) & 0xff) | ((b << 8) & 0xff00) | ((b >>> 8) & 0xff0000) | ((c << 8) & 0xff000000);
    blue[i] = ((a >>> 16) & 0xff) | (b & 0xff00) | ((c << 16) & 0xff0000) | (c & 0xff000000);
  }
  return out;
}

/** RGBRGB… as RR…GG…BB…. */
function planes<T extends Uint8Array | Float32Array>(pixels: ArrayLike<number>, channels: number, out: T): T {
  const size = pixels.length / channels;
  for (let c = 0; c < channels; c++) for (let i = 0; i < size; i++) out[c * size + i] = pixels[channels * i + c];
  return out;
}
