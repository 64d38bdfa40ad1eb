export { type Device, devices, parseDevice } from "./device.ts";
export {
  type LoadModelOptions,
  loadModel,
  type Model,
  type ModelOutput,
  type ModelPort,
  type ModelValue,
  showPorts,
} from "./model.ts";
export { type CompileOptions, compile, type Feeds, type Fetched, type Port, type Program } from "./program.ts";
export { type Carried, compileStateful, type StatefulProgram } from "./stateful.ts";
