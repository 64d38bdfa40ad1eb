/** A script that checks on WebGPU what must hold of state. */
import { checks } from "./state-checks.ts";

for (const [name, check] of Object.entries(checks))
  try {
    await check("webgpu");
  } catch (error) {
    throw new Error(name, { cause: error });
  }
