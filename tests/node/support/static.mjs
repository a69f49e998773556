// An HTTP server for files: what a browser's tests are served from.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/**
 * Serves folders on a free port of loopback until the test is over.
 *
 * @param {{ after(work: () => unknown): void }} t see `temporaryFolder`
 * @param {Record<string, string | Handler>} mounts what is found under a path: the
 *   files of a folder (path with `/` at its end), or what a function answers; the
 *   longest path that fits has it
 * @param {{ csp?: string }} [options] the Content Security Policy of every answer
 * @returns {Promise<{ origin: string, requests: string[] }>} `requests` holds the
 *   method and path of each request so far
 *
 * @typedef {(request: import("node:http").IncomingMessage,
 *   response: import("node:http").ServerResponse) => unknown} Handler
 */
export async function serve(t, mounts, { csp } = {}) {
  const paths = Object.keys(mounts).sort((one, other) => other.length - one.length);
  const requests = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    requests.push(`${request.method} ${pathname}`);
    if (csp !== undefined) {
      response.setHeader("content-security-policy", csp);
    }
    const mount = paths.find((path) => pathname === path || (path.endsWith("/") && pathname.startsWith(path)));
    try {
      if (typeof mounts[mount] === "function") {
        await mounts[mount](request, response);
      } else {
        await sendFile(response, mounts[mount], decodeURIComponent(pathname.slice(mount?.length)));
      }
    } catch (error) {
      response.writeHead(500).end(`${error.stack}`);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  return { origin: `http://127.0.0.1:${server.address().port}`, requests };
}

async function sendFile(response, folder, name) {
  // `URL` has taken the dots out, but not those that were written as %2e%2e.
  const path = normalize(name === "" ? "index.html" : name);
  const content = folder && !path.startsWith("..") ? await readFile(join(folder, path)).catch(() => {}) : undefined;
  if (content === undefined) {
    response.writeHead(404, { "content-type": "text/plain" }).end("not found");
    return;
  }
  const type = TYPES[extname(path)] ?? "application/octet-stream";
  response.writeHead(200, { "content-type": type }).end(content);
}
