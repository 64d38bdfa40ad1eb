/** One table: the name of every golden vector, and the function of the library that reproduces it. */
import type { Adapters } from "../vectors.ts";
import { analysis } from "./analysis.ts";
import { augmentation } from "./augment.ts";
import { distillation } from "./distillation.ts";
import { guidance } from "./guidance.ts";
import { likelihoodFlow } from "./likelihood-flow.ts";
import { losses } from "./loss.ts";
import { metrics } from "./metrics.ts";
import { networkAdapters } from "./network.ts";
import { parameterization } from "./parameterization.ts";
import { pixel } from "./pixel.ts";
import { samplerDiscrete } from "./sampler-discrete.ts";
import { samplerPath } from "./sampler-path.ts";
import { samplerSigma } from "./sampler-sigma.ts";
import { samplerVp } from "./sampler-vp.ts";
import { schedule } from "./schedule.ts";
import { stepPlan } from "./step-plan.ts";
import { targets } from "./target.ts";
import { timesteps } from "./timestep.ts";
import { training } from "./training.ts";
import { transportAdapters } from "./transport.ts";
import { weightings } from "./weighting.ts";

export const adapters: Adapters = {
  ...augmentation,
  ...analysis,
  ...losses,
  ...metrics,
  ...parameterization,
  ...networkAdapters,
  ...pixel,
  ...samplerDiscrete,
  ...samplerPath,
  ...samplerSigma,
  ...samplerVp,
  ...schedule,
  ...timesteps,
  ...training,
  ...transportAdapters,
  ...weightings,
  ...distillation,
  ...guidance,
  ...likelihoodFlow,
  ...stepPlan,
  ...targets,
};
