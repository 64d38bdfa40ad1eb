/** The process that decodes drawings, one at a time, and may die of them. */
import { reasonOf } from "../../errors/index.ts";
import { decodeHeader, decodeImage, type RasterShape } from "./raster.ts";

/** A file's path or its bytes; without a shape, only its header is wanted. */
export interface DrawingTask {
  readonly input: string | Uint8Array;
  readonly shape?: RasterShape;
}

export type DrawingAnswer = { readonly found: unknown } | { readonly reason: string };

process.on("message", async ({ input, shape }: DrawingTask) => {
  const send = (answer: DrawingAnswer) => process.send?.(answer);
  try {
    send({ found: await (shape ? decodeImage(input, shape) : decodeHeader(input)) });
  } catch (error) {
    send({ reason: reasonOf(error) });
  }
});
// Whoever asked is gone.
process.on("disconnect", () => process.exit());
