/** The thread of `pool-matcher.ts`: answers each pool with its noises, matched. */
import { matchPool, type Pool } from "../transport/index.ts";
import { answerTasks } from "./answer-tasks.ts";

answerTasks(
  (pool: Pool) => matchPool(pool),
  (noise) => [noise],
);
