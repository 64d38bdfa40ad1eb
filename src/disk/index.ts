/** What files and folders mean to several processes at once. */
export { makeFolder, tryFolder } from "./folder.ts";
export { type Holder, holderOf, isAlive, isLock, type Lock, thisProcess, tryLock } from "./lock.ts";
