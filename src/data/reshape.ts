/** Images made to fit a network without resampling: more room around them, or grey as three channels. */
import { ConfigError } from "../errors/index.ts";
import type { Dataset } from "./dataset.ts";

/** The images in the middle of a larger black frame (−1), `height` × `width`; an odd remainder goes below and right. */
export function pad(dataset: Dataset, height: number, width: number): Dataset {
  const [channels, h, w] = imageShape("pad", dataset);
  if (!(Number.isInteger(height) && Number.isInteger(width) && height >= h && width >= w))
    throw new ConfigError(
      `${dataset.name}: cannot pad ${h}×${w} images to ${height}×${width} (whole numbers, at least ${h}×${w}). Ask for ${h === w ? h : `${h}×${w}`} or more: --set data.size=…, or --size.`,
    );
  if (height === h && width === w) return dataset;
  const small = new Float32Array(channels * h * w);
  const [top, left] = [Math.floor((height - h) / 2), Math.floor((width - w) / 2)];
  return {
    ...copied(dataset),
    shape: [channels, height, width],
    read(index, out, offset) {
      dataset.read(index, small, 0);
      out.fill(-1, offset, offset + channels * height * width);
      for (let c = 0; c < channels; c++)
        for (let y = 0; y < h; y++) {
          const row = (c * h + y) * w;
          out.set(small.subarray(row, row + w), offset + (c * height + top + y) * width + left);
        }
    },
  };
}

/** Grey images with their one channel repeated three times. */
export function grayToColor(dataset: Dataset): Dataset {
  const [channels, h, w] = imageShape("grayToColor", dataset);
  if (channels !== 1)
    throw new ConfigError(`${dataset.name}: cannot repeat ${channels} channels as three (one is expected).`);
  return {
    ...copied(dataset),
    shape: [3, h, w],
    read(index, out, offset) {
      dataset.read(index, out, offset);
      out.copyWithin(offset + h * w, offset, offset + h * w);
      out.copyWithin(offset + 2 * h * w, offset, offset + h * w);
    },
  };
}

function imageShape(where: string, { name, shape }: Dataset): readonly number[] {
  if (shape.length !== 3) throw new ConfigError(`${where}: ${name} holds no images: shape [${shape.join(", ")}].`);
  return shape;
}

/** Everything of a data set that new pixels leave as it is. */
function copied(dataset: Dataset): Omit<Dataset, "shape" | "read"> {
  const { name, size, classes, label } = dataset;
  return { name, size, ...(classes && label ? { classes, label: (index) => label.call(dataset, index) } : {}) };
}
