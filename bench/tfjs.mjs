// TensorFlow.js on its wasm backend: `node tfjs.mjs JOB`. It has no gradient of convolutions with respect to filters.
import * as tf from "@tensorflow/tfjs";
import { setThreadsCount } from "@tensorflow/tfjs-backend-wasm";
import { floats, jobInputs, peakBytes, serve, timed } from "../dist/bench/engine.js";

const silu = (x) => tf.mul(x, tf.sigmoid(x));
/** W x + b, W stored as [in, out]. */
const linear = (p, path, x) => tf.add(tf.matMul(x, p[`${path}/weight`]), p[`${path}/bias`]);
const conv = (p, path, x) => tf.add(tf.conv2d(x, p[`${path}/weight`], 1, "same"), p[`${path}/bias`]);

/** Group normalisation of [B, H, W, C]. */
function norm(p, path, x) {
  const [b, h, w, c] = x.shape;
  const groups = Math.min(32, Math.floor(c / 4));
  const grouped = tf.reshape(x, [b, h * w, groups, c / groups]);
  const { mean, variance } = tf.moments(grouped, [1, 3], true);
  const normed = tf.reshape(tf.mul(tf.sub(grouped, mean), tf.rsqrt(tf.add(variance, 1e-5))), x.shape);
  return tf.add(tf.mul(normed, p[`${path}/weight`]), p[`${path}/bias`]);
}

function residual(p, path, x, embedding) {
  const told = linear(p, `${path}/embedding`, embedding);
  let h = conv(p, `${path}/conv0`, silu(norm(p, `${path}/norm0`, x)));
  h = tf.add(h, tf.reshape(told, [x.shape[0], 1, 1, told.shape[1]]));
  h = conv(p, `${path}/conv1`, silu(norm(p, `${path}/norm1`, h)));
  return tf.add(h, `${path}/skip/weight` in p ? conv(p, `${path}/skip`, x) : x);
}

function attend(p, path, x) {
  const [b, h, w, c] = x.shape;
  const qkv = conv(p, `${path}/qkv`, norm(p, `${path}/norm`, x));
  const [q, k, v] = tf.split(tf.reshape(qkv, [b, h * w, 3 * c]), 3, 2);
  const weights = tf.softmax(tf.matMul(tf.mul(q, 1 / Math.sqrt(c)), k, false, true));
  return tf.add(x, conv(p, `${path}/proj`, tf.reshape(tf.matMul(weights, v), x.shape)));
}

const networks = {
  "bench-mlp": (p, { layers }, { x, time }) => {
    let h = tf.concat([x, time], 1);
    for (let i = 0; i < layers; i++) h = silu(linear(p, `layer${i}`, h));
    return linear(p, "out", h);
  },
  "bench-unet": (p, _, { x, time }) => {
    const embedding = silu(linear(p, "time1", silu(linear(p, "time0", time))));
    const block = (path, y, level) => {
      const h = residual(p, path, y, embedding);
      return level === 2 ? attend(p, `${path}/attention`, h) : h;
    };
    let h = conv(p, "in", tf.transpose(x, [0, 2, 3, 1]));
    const skips = [h];
    for (const level of [0, 1, 2]) {
      if (level > 0) skips.push((h = tf.avgPool(h, 2, 2, "valid")));
      for (const i of [0, 1]) skips.push((h = block(`down${level}_${i}`, h, level)));
    }
    h = attend(p, "middle_attention", residual(p, "middle0", h, embedding));
    h = residual(p, "middle1", h, embedding);
    for (const level of [2, 1, 0]) {
      for (const i of [0, 1, 2]) h = block(`up${level}_${i}`, tf.concat([h, skips.pop()], 3), level);
      if (level === 0) continue;
      const size = [2 * h.shape[1], 2 * h.shape[2]];
      h = conv(p, `up${level}`, tf.image.resizeNearestNeighbor(h, size));
    }
    return tf.transpose(conv(p, "out", silu(norm(p, "out_norm", h))), [0, 3, 1, 2]);
  },
};

await serve(async (job) => {
  const { config } = job.network;
  const network = networks[config.type];
  setThreadsCount(job.threads);
  await tf.setBackend("wasm");
  const flat = floats(job.weights);
  const p = {};
  let offset = 0;
  for (const [path, shape] of job.parameters) {
    const size = shape.reduce((n, side) => n * side, 1);
    const value = tf.tensor(flat.slice(offset, offset + size), shape);
    const perm = shape.length === 4 ? [2, 3, 1, 0] : shape.length === 2 ? [1, 0] : [0];
    p[path] = tf.variable(tf.transpose(value, perm));
    offset += size;
  }
  const inputs = Object.fromEntries(
    Object.entries(jobInputs(job)).map(([name, { data, shape }]) => [name, tf.tensor(data, shape)]),
  );
  const optimizer = tf.train.adam(job.lr, 0.9, 0.999, 1e-8);
  const loss = () => tf.mean(tf.square(tf.sub(network(p, config, inputs), inputs.target)));
  const refuse = (reason) => {
    throw new Error(reason);
  };

  return {
    versions: async () => ({ name: `tfjs-wasm ${tf.version_core}` }),
    async step({ count }) {
      if (config.type !== "bench-mlp") refuse("the wasm backend has no gradient of a convolution's filters");
      const losses = [];
      const seconds = await timed(count, async () => {
        const value = optimizer.minimize(loss, true, Object.values(p));
        losses.push((await value.data())[0]);
        value.dispose();
      });
      return { seconds, losses };
    },
    async forward({ count }) {
      if (!network) refuse("this network is not written for it");
      let mean = 0;
      const seconds = await timed(count, async () => {
        const y = tf.tidy(() => network(p, config, inputs));
        const values = await y.data();
        mean = values.reduce((sum, value) => sum + value * value, 0) / values.length;
        y.dispose();
      });
      return { seconds, mean };
    },
    memory: async () => ({ bytes: peakBytes() }),
  };
});
