import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { holderOf, isAlive, isLock, type Lock, thisProcess, tryLock } from "../../src/disk/index.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-lock-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let names = 0;
const fresh = () => join(folder, `lock${names++}`);

function taken(path: string): Lock {
  const lock = tryLock(path);
  assert.ok(isLock(lock));
  return lock;
}

test("one holder at a time, who is named; free again after release", () => {
  const path = fresh();
  const lock = taken(path);
  const second = tryLock(path);
  assert.ok(!isLock(second));
  assert.deepEqual(second, thisProcess());
  assert.deepEqual(holderOf(path), thisProcess());
  lock.release();
  lock.release();
  assert.equal(holderOf(path), undefined);
  taken(path).release();
  assert.deepEqual(readdirSync(folder), []);
});

test("a lock that was taken over is not given back by who lost it", () => {
  const path = fresh();
  const old = taken(path);
  writeFileSync(path, "");
  const lock = taken(path);
  old.release();
  assert.ok(holderOf(path));
  lock.release();
});

test("the lock of a killed process, and one cut off, are taken over", async () => {
  const path = fresh();
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  await once(child, "spawn");
  writeFileSync(path, JSON.stringify({ pid: child.pid, host: hostname(), started: "" }));
  assert.ok(!isLock(tryLock(path)));
  child.kill("SIGKILL");
  await once(child, "close");
  taken(path).release();
  for (const text of ["", "{", "null", '{"pid":-1,"host":"","started":""}', '{"pid":"1"}']) {
    writeFileSync(path, text);
    assert.equal(holderOf(path), undefined);
    taken(path).release();
  }
  assert.deepEqual(readdirSync(folder), []);
});

test("a number that another process has now does not count; other machines' processes do", () => {
  const mine = thisProcess();
  assert.ok(isAlive(mine));
  if (mine.started !== "") assert.ok(!isAlive({ ...mine, started: `${mine.started}1` }));
  assert.ok(isAlive({ pid: 1, host: "elsewhere", started: "x" }));
  assert.ok(!isAlive({ pid: 2 ** 22 + 1, host: hostname(), started: "" }));
});

test("of many processes that want a stale lock exactly one at a time has it", async () => {
  const path = fresh();
  const counter = join(folder, "counter");
  writeFileSync(counter, "0");
  writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), started: "" }));
  const script = `
    import { isLock, tryLock } from ${JSON.stringify(join(import.meta.dirname, "../../src/disk/index.js"))};
    import { readFileSync, writeFileSync } from "node:fs";
    for (let done = 0; done < 20;) {
      const lock = tryLock(${JSON.stringify(path)});
      if (!isLock(lock)) { await new Promise((r) => setTimeout(r, 1)); continue; }
      const n = Number(readFileSync(${JSON.stringify(counter)}, "utf8"));
      writeFileSync(${JSON.stringify(counter)}, String(n + 1));
      lock.release();
      done++;
    }`;
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "ignore", "inherit"] }),
  );
  const codes = await Promise.all(children.map(async (child) => (await once(child, "close"))[0]));
  assert.deepEqual(codes, [0, 0, 0, 0]);
  assert.equal(readFileSync(counter, "utf8"), "80");
  rmSync(counter);
  assert.deepEqual(readdirSync(folder), []);
});
