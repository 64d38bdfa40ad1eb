import { dequantize, pixels } from "../../../src/data/index.ts";
import type { Adapters } from "../vectors.ts";

export const pixel: Adapters = {
  "pixel.quantize": ({ convention, bytes, values, uniform }) => {
    const { toFloat, toByte } = pixels(convention);
    return {
      toFloat: bytes?.map((byte: number) => toFloat(byte)),
      toByte: values?.map(toByte),
      ...(uniform && {
        unit: bytes.map((byte: number, i: number) => dequantize(byte, uniform[i])),
        centered: bytes.map((byte: number, i: number) => toFloat(byte, uniform[i])),
      }),
    };
  },
};
