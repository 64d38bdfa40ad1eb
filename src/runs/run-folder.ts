/** A run on disk: a folder that explains itself. */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { isLock, type Lock, makeFolder, tryLock } from "../disk/index.ts";
import { ConfigError, reasonOf } from "../errors/index.ts";
import { type DataFacts, defineRecipe, type Recipe } from "../recipe/index.ts";
import { decodeSafetensors, encodeSafetensors, type Safetensors, type StepRecord } from "../training/index.ts";
import { explained, writeAtomic } from "./atomic.ts";
import { hashBytes } from "./data-hash.ts";
import { checkFree } from "./free-folder.ts";
import { type LossFeatures, readLossFeatures, writeLossFeatures } from "./loss-features.ts";
import { noRun } from "./no-run.ts";

/** One line of `stats.jsonl`: means over the updates since the line before. */
export interface StatsLine extends StepRecord {
  readonly imagesPerSecond: number;
  /** Resident memory of the process, in bytes. */
  readonly memory: number;
}

/** What `recipe.json` holds: the recipe, complete and resolved, and what it was resolved against. */
export interface RunDescription {
  readonly recipe: Recipe;
  readonly data: DataFacts & {
    readonly name: string;
    readonly examples?: number;
    /** What {@link dataFingerprint} made of it. */
    readonly hash?: string;
    readonly classNames?: readonly string[];
  };
  /** Whom it learns from, if from a teacher. */
  readonly teacher?: TeacherDescription;
  /** The classifier that its loss looks through, if it compares features; its parameters are in the same folder. */
  readonly features?: {
    /** SHA-256 of its parameters. */
    readonly parameters: string;
    /** Share of images that it had not seen and gets right. */
    readonly accuracy: number;
  };
}

/** A teacher as its student's run describes it; its parameters are in the same folder. */
export interface TeacherDescription {
  /** The run it comes from, as a path from the student's. */
  readonly run: string;
  /** Its updates, and examples seen. */
  readonly step: number;
  readonly images: number;
  /** SHA-256 of its parameters. */
  readonly parameters: string;
  readonly recipe: Recipe;
  /** Its own teacher, if it was a student. */
  readonly teacher?: TeacherDescription;
}

/** How many of the latest checkpoints stay. */
const kept = 3;
const checkpointName = /^checkpoint-(\d{9})\.safetensors$/;

export class RunFolder {
  readonly path: string;
  private constructor(path: string) {
    this.path = path;
  }

  /** Makes the folder of a new run. An existing run is never written over. */
  static create(path: string, description: RunDescription): RunFolder {
    RunFolder.checkFree(path);
    explained(path, () => makeFolder(join(path, "samples")));
    writeAtomic(join(path, "recipe.json"), [`${JSON.stringify(description, null, 2)}\n`]);
    return new RunFolder(path);
  }

  /** Throws unless a new run may be made at `path`: it must not exist, or be an empty folder. */
  static checkFree(path: string): void {
    if (RunFolder.exists(path))
      throw new ConfigError(`${path}: holds a run already. Continue it with --resume, or choose another --out.`);
    checkFree(path);
  }

  /** Takes the folder away again if training left nothing in it, as when it could not begin. */
  removeIfUnused(): void {
    const files = ["recipe.json", "teacher.safetensors", "features.safetensors"];
    const unused = new Set([...files, "samples"]);
    const samples = join(this.path, "samples");
    if (readdirSync(this.path).some((name) => !unused.has(name))) return;
    if (existsSync(samples)) {
      if (readdirSync(samples).length > 0) return;
      rmdirSync(samples);
    }
    for (const name of files) rmSync(join(this.path, name), { force: true });
    rmdirSync(this.path);
  }

  static open(path: string): RunFolder {
    if (!existsSync(join(path, "recipe.json"))) throw noRun(path);
    return new RunFolder(path);
  }

  /** The file of a student's teacher. */
  get teacherPath(): string {
    return join(this.path, "teacher.safetensors");
  }

  /** Keeps the parameters of the run's teacher, so that it goes on whatever becomes of the teacher's own run. */
  saveTeacher(params: Float32Array): void {
    const tensors = { params: { shape: [params.length], data: params } };
    writeAtomic(this.teacherPath, encodeSafetensors({ tensors, metadata: { format: "ornstein teacher 1" } }));
  }

  /** The parameters of the run's teacher, as they were when the run began. Throws ConfigError where they are others. */
  loadTeacher(): Float32Array {
    const { teacher } = this.describe();
    if (!teacher || !existsSync(this.teacherPath))
      throw new ConfigError(
        `${this.path}: has no teacher, and its recipe needs one. ornstein distill makes such runs.`,
      );
    const found = decodeSafetensors(readWhole(this.teacherPath), this.teacherPath).tensors["params"]?.data;
    if (!(found instanceof Float32Array) || hashBytes(found) !== teacher.parameters)
      throw new ConfigError(`${this.teacherPath}: is not the teacher that the run began with. Bring it back.`);
    return found;
  }

  /** The file of the classifier that the run's loss looks through. */
  get featuresPath(): string {
    return join(this.path, "features.safetensors");
  }

  /** Keeps the classifier of the run's loss, so that the run goes on with the same whatever becomes of the cache. */
  saveFeatures(features: LossFeatures): void {
    writeLossFeatures(this.featuresPath, features);
    const { params, accuracy } = features;
    this.revise({ ...this.describe(), features: { parameters: hashBytes(params), accuracy } });
  }

  /** The classifier of the run's loss; undefined before it has one. Throws ConfigError where it is not the one it began with. */
  loadFeatures(): LossFeatures | undefined {
    const { features } = this.describe();
    if (!features) return undefined;
    const found = existsSync(this.featuresPath) ? readLossFeatures(this.featuresPath) : undefined;
    if (!found || hashBytes(found.params) !== features.parameters)
      throw new ConfigError(
        `${this.featuresPath}: ${found ? "is not the classifier that the run began with" : "is missing, the classifier of the run's loss"}. Bring it back.`,
      );
    return found;
  }

  /** Whether there is a run at `path`. */
  static exists(path: string): boolean {
    return existsSync(join(path, "recipe.json"));
  }

  describe(): RunDescription {
    const file = join(this.path, "recipe.json");
    let parsed: unknown;
    try {
      parsed = JSON.parse(readFileSync(file, "utf8"));
    } catch (cause) {
      throw new ConfigError(`${file}: cannot be read: ${reasonOf(cause)}.`, { cause });
    }
    const { recipe, data, teacher, features } = (parsed ?? {}) as Partial<RunDescription>;
    const counts = [...(Array.isArray(data?.shape) ? data.shape : [undefined]), (data?.classes ?? -1) + 1];
    if (!data || !counts.every((n) => Number.isInteger(n) && Number(n) >= 1 && Number(n) <= 2 ** 20))
      throw new ConfigError(`${file}: "data" must hold shape and classes; got ${JSON.stringify(data)}. Was it edited?`);
    return {
      recipe: defineRecipe(recipe, `${file}: recipe`),
      data,
      ...(teacher && { teacher: { ...teacher, recipe: defineRecipe(teacher.recipe, `${file}: teacher.recipe`) } }),
      ...(features && { features }),
    };
  }

  /** Writes another recipe for the same model and data, such as one that trains for longer. */
  replaceRecipe(recipe: Recipe): void {
    this.revise({ ...this.describe(), recipe });
  }

  /** Whether training has seen all images that the recipe asks for. */
  isComplete(): boolean {
    return this.imagesSeen() >= this.describe().recipe.training.images;
  }

  /** Examples seen up to the latest checkpoint. */
  imagesSeen(): number {
    return (this.checkpoints().at(-1) ?? 0) * this.describe().recipe.training.batch;
  }

  /** Replaces what the run says about itself, where training is to go on by another plan. */
  revise(description: RunDescription): void {
    writeAtomic(join(this.path, "recipe.json"), [`${JSON.stringify(description, null, 2)}\n`]);
  }

  /** Makes sure that no other process trains this run, until the lock is released; a killed process has none. */
  lock(): Lock {
    const path = join(this.path, "lock");
    const lock = explained(path, () => tryLock(path));
    if (isLock(lock)) return lock;
    const { pid, host } = lock;
    throw new ConfigError(
      `${this.path}: process ${pid} on ${host} is training this run. Wait for it or stop it; if it is gone, delete ${path}.`,
    );
  }

  /** The checkpoints' steps, oldest first. */
  checkpoints(): number[] {
    return readdirSync(this.path)
      .flatMap((name) => checkpointName.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  checkpointPath(step: number): string {
    return join(this.path, `checkpoint-${String(step).padStart(9, "0")}.safetensors`);
  }

  get bestPath(): string {
    return join(this.path, "checkpoint-best.safetensors");
  }

  /** Writes a checkpoint, and one of the lowest loss so far under its own name; removes all but the latest few. */
  save(checkpoint: Safetensors, step: number, best: boolean, keep = kept): string {
    const pieces = encodeSafetensors(checkpoint);
    const path = this.checkpointPath(step);
    writeAtomic(path, pieces);
    if (best) writeAtomic(this.bestPath, pieces);
    for (const old of this.checkpoints().slice(0, -keep)) rmSync(this.checkpointPath(old), { force: true });
    for (const name of readdirSync(this.path))
      if (name.endsWith(".tmp")) rmSync(join(this.path, name), { force: true });
    return path;
  }

  /** Reads the latest checkpoint, the best one, or that of a step. */
  load(which: "latest" | "best" | number = "latest"): { readonly checkpoint: Safetensors; readonly path: string } {
    const steps = this.checkpoints();
    const path =
      which === "best" ? this.bestPath : this.checkpointPath(which === "latest" ? (steps.at(-1) ?? 0) : which);
    if (!existsSync(path))
      throw new ConfigError(
        `${this.path}: has no ${which === "best" ? "best checkpoint" : which === "latest" ? "checkpoint" : `checkpoint of step ${which}`} (steps are ${steps.join(", ") || "none"}).`,
      );
    try {
      return { checkpoint: decodeSafetensors(readWhole(path), path), path };
    } catch (error) {
      const before = steps.at(-2);
      if (which !== "latest" || before === undefined || !(error instanceof ConfigError)) throw error;
      throw new ConfigError(`${error.message} Delete it to go on from step ${before}.`, { cause: error });
    }
  }

  /** Appends a line of statistics. */
  log(line: StatsLine): void {
    const file = join(this.path, "stats.jsonl");
    explained(file, () => appendFileSync(file, `${JSON.stringify(line)}\n`));
  }

  /** All lines of statistics; a last line cut off by a crash is left out. */
  stats(): StatsLine[] {
    const file = join(this.path, "stats.jsonl");
    if (!existsSync(file)) return [];
    return readFileSync(file, "utf8")
      .split("\n")
      .flatMap((text) => {
        try {
          return text === "" ? [] : [JSON.parse(text) as StatsLine];
        } catch {
          return [];
        }
      });
  }

  /** Forgets what was logged after a step, before training goes on from there. */
  rewind(step: number): void {
    const lines = this.stats().filter((line) => line.step <= step);
    writeAtomic(
      join(this.path, "stats.jsonl"),
      lines.map((line) => `${JSON.stringify(line)}\n`),
    );
  }
}

/** A whole file in memory of its own, so that arrays in it are aligned. */
function readWhole(path: string): Uint8Array<ArrayBuffer> {
  const file = openSync(path, "r");
  try {
    const bytes = new Uint8Array(fstatSync(file).size);
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(file, bytes, done, Math.min(bytes.length - done, 1 << 30), done);
      if (read === 0)
        throw new ConfigError(`${path}: ended after ${done} of ${bytes.length} bytes. Is it being written?`);
      done += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}
