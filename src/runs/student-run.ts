/** A student's run folder: made from its teacher's, and from then on complete without it. */
import { relative, resolve } from "node:path";
import { modelOf, type Recipe } from "../recipe/index.ts";
import { flatFromCheckpoint, networkOf } from "../training/index.ts";
import { hashBytes } from "./data-hash.ts";
import { RunFolder } from "./run-folder.ts";

/** Which parameters of a run teach. */
export interface TeacherChoice {
  readonly checkpoint?: "latest" | "best" | number;
  readonly weights?: "ema" | "params";
}

/** Makes the run of a student, with a copy of its teacher's parameters. */
export function createStudentRun(
  path: string,
  recipe: Recipe,
  teacher: RunFolder,
  { checkpoint: which = "latest", weights = "ema" }: TeacherChoice = {},
): RunFolder {
  const { recipe: teacherRecipe, data, teacher: before } = teacher.describe();
  const { checkpoint, path: file } = teacher.load(which);
  const { parameters } = networkOf(modelOf(teacherRecipe, data));
  const params = flatFromCheckpoint(parameters, checkpoint.tensors, weights, file);
  const folder = RunFolder.create(path, {
    recipe,
    data,
    teacher: {
      run: relative(resolve(path), resolve(teacher.path)),
      step: Number(checkpoint.metadata["step"]),
      images: Number(checkpoint.metadata["images"]),
      parameters: hashBytes(params),
      recipe: teacherRecipe,
      ...(before && { teacher: before }),
    },
  });
  folder.saveTeacher(params);
  return folder;
}
