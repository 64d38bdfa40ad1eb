/** Several data sets as one. */
import { ConfigError } from "../errors/index.ts";
import type { Dataset } from "./dataset.ts";

/** The examples of several sets, one set after the other; all must have the same shape and the same classes. */
export function concatenate(name: string, parts: readonly Dataset[]): Dataset {
  const [first] = parts;
  if (!first) throw new ConfigError(`${name}: has no parts (at least one).`);
  for (const part of parts) {
    if (part.shape.join() !== first.shape.join())
      throw new ConfigError(
        `${name}: shapes differ: ${first.name} has [${first.shape.join(", ")}], ${part.name} has [${part.shape.join(", ")}].`,
      );
    if (part.classes?.join("\n") !== first.classes?.join("\n"))
      throw new ConfigError(`${name}: classes differ: those of ${first.name} and ${part.name}.`);
  }
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const find = (index: number): readonly [Dataset, number] => {
    if (!(Number.isInteger(index) && index >= 0 && index < size))
      throw new RangeError(`${name}: no example ${index} (0 to ${size - 1}).`);
    let rest = index;
    for (const part of parts) {
      if (rest < part.size) return [part, rest];
      rest -= part.size;
    }
    throw new Error("internal: the sizes of the parts changed.");
  };
  return {
    name,
    size,
    shape: first.shape,
    ...(first.classes && {
      classes: first.classes,
      label: (index: number) => {
        const [part, rest] = find(index);
        return part.label?.(rest) ?? 0;
      },
    }),
    read(index, out, offset) {
      const [part, rest] = find(index);
      part.read(rest, out, offset);
    },
  };
}
