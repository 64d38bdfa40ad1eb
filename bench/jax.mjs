// jax-js on its wasm backend: `node jax.mjs JOB`. Arrays are owned: every use but the last goes through `.ref`.
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import { floats, jobInputs, peakBytes, serve, timed } from "../dist/bench/engine.js";

/** The MLP; takes its parameters over, a list of weight [out, in] and bias of each layer. */
function mlp(parameters, x) {
  let h = x;
  for (let i = 0; i < parameters.length; i += 2) {
    h = np.matmul(h, np.transpose(parameters[i])).add(parameters[i + 1]);
    if (i + 2 < parameters.length) h = nn.silu(h);
  }
  return h;
}

await serve(async (job) => {
  await init("wasm");
  defaultDevice("wasm");
  const array = ({ data, shape }) => np.array(data).reshape([...shape]);
  const { x, time, target, ...rest } = Object.fromEntries(
    Object.entries(jobInputs(job)).map(([name, value]) => [name, array(value)]),
  );
  const known = job.network.config.type === "bench-mlp" && Object.keys(rest).length === 0;
  if (!known) {
    const refuse = async () => {
      throw new Error("only the MLP is written for it");
    };
    return { versions: async () => ({ name: "jax-js" }), step: refuse, forward: refuse };
  }
  const input = np.concatenate([x, time], 1);
  const flat = floats(job.weights);
  let offset = 0;
  let parameters = job.parameters.map(([, shape]) => {
    const size = shape.reduce((n, side) => n * side, 1);
    offset += size;
    return array({ data: flat.slice(offset - size, offset), shape });
  });
  let means = parameters.map((value) => np.zerosLike(value.ref));
  let squares = parameters.map((value) => np.zerosLike(value.ref));
  let t = 0;
  const lossAndGradient = valueAndGrad((p, from, to) => np.mean(np.square(mlp(p, from).sub(to))));
  const update = jit((p, m, v, from, to, rate, scale) => {
    const [loss, gradient] = lossAndGradient(
      p.map((value) => value.ref),
      from,
      to,
    );
    const nextM = m.map((mean, i) => mean.mul(0.9).add(gradient[i].ref.mul(0.1)));
    const nextV = v.map((square, i) => square.mul(0.999).add(np.square(gradient[i]).mul(0.001)));
    const nextP = p.map((value, i) => {
      const width = np.sqrt(nextV[i].ref.mul(scale.ref)).add(1e-8);
      return value.sub(nextM[i].ref.mul(rate.ref).div(width));
    });
    rate.dispose();
    scale.dispose();
    return [loss, nextP, nextM, nextV];
  });
  const forward = jit(mlp);

  return {
    versions: async () => ({ name: "jax-js" }),
    async step({ count }) {
      const losses = [];
      const seconds = await timed(count, async () => {
        t++;
        const rate = np.array(job.lr / (1 - 0.9 ** t));
        const scale = np.array(1 / (1 - 0.999 ** t));
        const [loss, ...state] = update(parameters, means, squares, input.ref, target.ref, rate, scale);
        [parameters, means, squares] = await blockUntilReady(state);
        losses.push((await loss.data())[0]);
      });
      return { seconds, losses };
    },
    async forward({ count }) {
      let mean = 0;
      const seconds = await timed(count, async () => {
        const values = await forward(
          parameters.map((value) => value.ref),
          input.ref,
        ).data();
        mean = values.reduce((sum, value) => sum + value * value, 0) / values.length;
      });
      return { seconds, mean };
    },
    memory: async () => ({ bytes: peakBytes() }),
  };
});
