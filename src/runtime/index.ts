export { type Device, devices, parseDevice } from "./device.ts";
export { compileInPlace, type InPlace, type InPlaceOptions } from "./in-place.ts";
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
export { createState, type State } from "./state.ts";
export { type Carried, compileStateful, type StatefulOptions, type StatefulProgram } from "./stateful.ts";
