/** A script that loads a U-Net's update on WebGPU and lets nothing fall back to the processor. */
import { InferenceSession } from "#ort";
import { precisions } from "../../src/graph/index.ts";
import { toOnnx } from "../../src/onnx/index.ts";
import { trainerOf } from "../../src/recipe/index.ts";
import { updateGraphs } from "../../src/training/index.ts";
import { factsOf, images, tinyImages } from "../training/tiny.ts";

for (const precision of precisions) {
  const recipe = tinyImages("edm", "model.network.numBlocks=1", `training.precision=${precision}`);
  const { losses, gradient } = updateGraphs(trainerOf(recipe, factsOf(images)));
  const session = await InferenceSession.create(toOnnx({ losses, gradient }, { transposing: false }), {
    executionProviders: ["webgpu"],
    extra: { session: { disable_cpu_ep_fallback: "1" } },
  });
  await session.release();
}
