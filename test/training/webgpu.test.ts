import { test } from "node:test";
import { missing } from "../software-gpu.ts";
import { agree, refuse } from "./software-gpu.ts";

test("WebGPU trains points as the processor does", { skip: missing }, () => agree("points"));

test("a driver without float16 is told from one that fails", { skip: missing }, () => refuse("points in float16"));
