/** A thread of `batch-preparer.ts`: augments examples and draws their noise. */
import { type PreparationTask, prepare } from "../data/index.ts";
import { answerTasks } from "./answer-tasks.ts";

answerTasks(
  (task: PreparationTask) => prepare(task),
  ({ x, augment, noise }) => [x, augment, noise],
);
