import { readFile } from "node:fs/promises";

/** Reads and compiles a WebAssembly module. */
export async function compileFrom(url) {
  return WebAssembly.compile(await readFile(url));
}
