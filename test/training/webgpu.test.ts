import { test } from "node:test";
import { agree, missing } from "./software-gpu.ts";

test("WebGPU trains points as the processor does", { skip: missing }, () => agree("points"));
