/** Dynamic programming of step grids. */
import { discreteSchedule } from "../../../src/diffusion/index.ts";
import { measureNodes, type NodeQuality, planSteps, priorTerm, stepCosts } from "../../../src/sampling/index.ts";
import { given, ideal } from "../models.ts";
import type { Adapters, GoldenCase } from "../vectors.ts";

// biome-ignore lint/suspicious/noExplicitAny: vectors of one family differ in their options
type Input = any;

/** Cost and path for each number of steps that the vector lists. */
function plansFor(cost: Float64Array, size: number, K: readonly number[]) {
  const plans = planSteps(cost, size);
  return { K, cost: K.map(plans.cost), path: K.map(plans.path), best: { K: plans.best.steps, cost: plans.best.cost } };
}

const steps = ({ nodes, cost }: Input, { expect }: GoldenCase) =>
  plansFor(cost.data, nodes + 1, expect.K as readonly number[]);

async function costMatrix({ schedule: { kind, ...constants }, x0, noises, model }: Input, { expect }: GoldenCase) {
  const { alphasCumprod, steps: nodes } = discreteSchedule({ type: kind, ...constants });
  const batch: number = x0.shape[0];
  const dims = x0.data.length / batch;
  const qualities: NodeQuality[] = [];
  const { noise } = given(noises);
  for await (const one of measureNodes(ideal(model), x0.data, { alphasCumprod, noise: noise!, batch }))
    qualities.push(one);
  const [small, large] = (["small", "large"] as const).map((variance) =>
    stepCosts({ alphasCumprod, qualities, dims, variance }),
  );
  const size = nodes + 1;
  const { optimal } = expect as Input;
  return {
    reconstruction: qualities.map((one) => one.reconstruction),
    decoderNll: qualities.map((one) => one.decoderNll),
    priorTerm: priorTerm(x0.data, alphasCumprod[nodes - 1], batch),
    costSmallVariance: { shape: [size, size], data: small },
    costLargeVariance: { shape: [size, size], data: large },
    optimal: { small: plansFor(small, size, optimal.small.K), large: plansFor(large, size, optimal.large.K) },
  };
}

export const stepPlan: Adapters = { "dp.cost-matrix": costMatrix, "dp.steps": steps };
