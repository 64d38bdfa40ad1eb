/** Files that are either the old one or the new one, whatever happens in between. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { ConfigError } from "../errors/index.ts";

/** What a full disk, a missing permission and the like mean to a user. */
const remedies: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full. Free some space",
  EACCES: "no permission to write there. Choose another folder",
  EPERM: "no permission to write there. Choose another folder",
  EROFS: "the file system is read-only. Choose another folder",
  EDQUOT: "the disk quota is used up. Free some space",
  EFBIG: "the file would be larger than this user may write. See ulimit -f",
  EMFILE: "too many files are open. See ulimit -n",
  EISDIR: "there is a folder of that name",
  EEXIST: "there is a file of that name",
  ENAMETOOLONG: "the name is too long",
  ENOENT: "there is no such folder, and none can be made",
  ENOTDIR: "part of the path is a file, not a folder",
};

/** Runs `write`; turns a refusal by the file system into one line that names the path. */
export function explained<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    if (code in remedies) throw new ConfigError(`${path}: cannot be written: ${remedies[code]}.`, { cause });
    throw cause;
  }
}

/** Writes a file under a temporary name, syncs it to disk, and renames it; a failure leaves the old file as it was. */
export function writeAtomic(path: string, pieces: readonly (Uint8Array | string)[]): void {
  const temporary = `${path}.${process.pid}.tmp`;
  explained(path, () => {
    try {
      const file = openSync(temporary, "w");
      try {
        for (const piece of pieces) writeFully(file, typeof piece === "string" ? Buffer.from(piece) : piece);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    syncFolder(dirname(path));
  });
}

function writeFully(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(file, bytes, done, Math.min(bytes.length - done, 1 << 30));
}

/** Makes a rename in `folder` last through a power failure, where the system can. */
function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
