// ONNX Runtime on Node, with its usage reports off unless somebody asks for them. The setting is read when the library loads.
process.env.ORT_DISABLE_TELEMETRY ??= "1";
const { InferenceSession, Tensor, env } = await import("onnxruntime-node");

// What fails comes back as an error; the library would write it on the terminal too. Sessions have levels of their own.
env.logLevel = "fatal";

export { env, InferenceSession, Tensor };
