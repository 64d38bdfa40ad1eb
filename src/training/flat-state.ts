/** The state of training, as it is stored. */
import { ConfigError } from "../errors/index.ts";
import { layout, type Parameter, parameterCount } from "../nn/index.ts";
import type { Safetensors } from "./safetensors.ts";
import type { StateName } from "./update-graphs.ts";

/** One flat array of the state from a checkpoint's tensors, each checked against its parameter. */
export function flatFromCheckpoint(
  parameters: readonly Parameter[],
  tensors: Safetensors["tensors"],
  name: StateName,
  where: string,
): Float32Array {
  const flat = new Float32Array(parameterCount(parameters));
  for (const { path, offset, shape } of layout(parameters)) {
    const found = tensors[`${name}/${path}`];
    if (!found) throw new ConfigError(`${where}: has no "${name}/${path}" [${shape}]. Is it of another model?`);
    if (found.shape.join() !== shape.join())
      throw new ConfigError(`${where}: "${name}/${path}" is [${found.shape}] (the model has [${shape}]).`);
    flat.set(found.data, offset);
  }
  return flat;
}
