/** The entries that a model's file carries beside its graph. */
import { decodeEntries } from "./proto.ts";

/** Reads the entries of an ONNX model's bytes; none where the bytes are no model. */
export function onnxMetadata(bytes: Uint8Array): Readonly<Record<string, string>> {
  try {
    return Object.fromEntries(decodeEntries(bytes).map(({ key, value }) => [key, value]));
  } catch {
    return {};
  }
}
