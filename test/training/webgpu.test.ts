import { test } from "node:test";
import { missing } from "../software-gpu.ts";
import { agree } from "./software-gpu.ts";

test("WebGPU trains points as the processor does", { skip: missing }, () => agree("points"));
