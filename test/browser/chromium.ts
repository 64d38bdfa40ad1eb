/** Our modules in a browser: Chromium without a window, with WebGPU on SwiftShader. */
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const executable = "/usr/bin/chromium";

/** Why there is no Chromium; false if there is one. */
export const missing: string | false = existsSync(executable) ? false : `${executable} is not installed`;

const build = join(import.meta.dirname, "../..");
const packagePath = (name: string) => fileURLToPath(import.meta.resolve(name));
const ownImports = JSON.parse(readFileSync(join(build, "../package.json"), "utf8")).imports;
const ort = packagePath(ownImports["#ort"].default);
/** Folders by the first part of an address; all else is of the build. */
const folders: Readonly<Record<string, string>> = {
  ort: dirname(ort),
  zod: dirname(packagePath("zod")),
  protobuf: dirname(packagePath("protobufjs/dist/light/protobuf.min.js")),
};

/** What bundlers would find. */
const imports = {
  "#ort": `/ort/${basename(ort)}`,
  zod: "/zod/index.js",
  "protobufjs/light.js": "data:text/javascript,export default globalThis.protobuf",
  "node:assert/strict": "/test/browser/assert.js",
};
const page = `<!doctype html><script src="/protobuf/protobuf.min.js"></script><script type="importmap">${JSON.stringify({ imports })}</script>`;

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

export interface Browser {
  /** The value of an expression, or of its promise; `/src/…` and `/test/…` are modules of the build. */
  evaluate<T>(expression: string): Promise<T>;
  close(): Promise<void>;
}

/** Opens an empty page. */
export async function openChromium(): Promise<Browser> {
  const server = createServer(async ({ url = "/" }, response) => {
    const [, first, ...rest] = url.split("/");
    // Shared memory, which threads in WebAssembly need, is for isolated pages.
    response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
    response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    try {
      const path = first in folders ? join(folders[first], ...rest) : join(build, first, ...rest);
      response.setHeader("Content-Type", types[extname(path)] ?? "text/html");
      response.end(url === "/" ? page : await readFile(path));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({
    executablePath: executable,
    args: ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"],
  });
  const opened = await browser.newPage();
  await opened.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return {
    evaluate: (expression) => opened.evaluate(expression),
    async close() {
      await browser.close();
      server.close();
    },
  };
}
