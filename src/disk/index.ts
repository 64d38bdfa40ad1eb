/** What files mean to several processes at once. */
export { type Holder, holderOf, isAlive, isLock, type Lock, thisProcess, tryLock } from "./lock.ts";
