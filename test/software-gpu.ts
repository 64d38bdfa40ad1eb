/** WebGPU without a GPU: SwiftShader, the Vulkan driver that comes with Chromium, computes on the processor. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = "/usr/lib/chromium";
const [driver, loader] = [join(folder, "vk_swiftshader_icd.json"), join(folder, "libvulkan.so.1")];

/** Why there is no such driver; false if there is one. */
export const missing: string | false =
  existsSync(driver) && existsSync(loader) ? false : `SwiftShader is not installed (${driver} of Debian's chromium)`;

/** Runs a script of ours in a process of its own that has the driver; what it prints. */
export function onSoftwareGpu(script: string, ...args: readonly string[]): string {
  const libraries = mkdtempSync(join(tmpdir(), "vulkan-"));
  try {
    symlinkSync(loader, join(libraries, "libvulkan.so.1"));
    const env = { ...process.env, LD_LIBRARY_PATH: libraries, VK_ICD_FILENAMES: driver };
    const { stdout, stderr, status } = spawnSync(process.execPath, [script, ...args], { env, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return stdout;
  } finally {
    rmSync(libraries, { recursive: true });
  }
}
