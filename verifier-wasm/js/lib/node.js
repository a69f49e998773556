import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { inflate as inflateWith } from "node:zlib";

/** Reads and compiles a WebAssembly module. */
export async function compileFrom(url) {
  return WebAssembly.compile(await readFile(url));
}

/**
 * Inflates zlib's format (RFC 1950). Rejects when it is not that and nothing more,
 * as the streams do, or more than `limit` bytes. Not with streams, as elsewhere: in older releases of Node and
 * Bun they are missing, or do not end on what is cut off.
 */
export async function inflate(bytes, limit) {
  const { buffer, engine } = await promisify(inflateWith)(bytes, { maxOutputLength: limit, info: true });
  if (engine.bytesWritten !== bytes.length) {
    throw new Error("there is something after the end of what is deflated");
  }
  return buffer;
}
