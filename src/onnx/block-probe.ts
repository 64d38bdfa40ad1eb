/** A model that puts a value into the blocked layout and shows its memory. */
import { Emit } from "./emit.ts";

/** Takes x [1, channels, 1, 2] and gives y, the same numbers in the order of the blocked layout. */
export function blockProbe(): { readonly model: Uint8Array<ArrayBuffer>; readonly channels: number } {
  const channels = 64;
  const emit = new Emit();
  const x = emit.input("x", [1, channels, 1, 2], "float32");
  const blocked = emit.node("ReorderInput", [x], {}, "com.microsoft.nchwc");
  emit.output("y", emit.node("Reshape", [blocked, emit.ints([2 * channels])]), [2 * channels], "float32");
  return { model: emit.finish({}), channels };
}
