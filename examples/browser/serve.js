// Serves the page and the package beside it, with the Content Security Policy that the page
// gets by with. Any static server does the same.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";

const { LATCHKEY = "http://127.0.0.1:8000", PORT = "3000" } = process.env;

/** What a path begins with, and the folder that it is served from. The longest comes first. */
const FOLDERS = {
  "/latchkey-verifier/": new URL("node_modules/latchkey-verifier/", import.meta.url),
  "/": new URL("public/", import.meta.url),
};

const MEDIA_TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

const HEADERS = {
  "content-security-policy": [
    "default-src 'none'",
    // WebAssembly may be compiled, and nothing may be made into script from text.
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    // The module and the settings from here, the password policy from Latchkey.
    `connect-src 'self' ${new URL(LATCHKEY).origin}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
};

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.writeHead(400, HEADERS).end());
});

async function answer(request, response) {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname === "/settings.json") {
    response.writeHead(200, { ...HEADERS, "content-type": "application/json" });
    response.end(JSON.stringify({ latchkey: LATCHKEY }));
    return;
  }
  const file = fileOf(pathname);
  const type = MEDIA_TYPES[extname(file.pathname)];
  const bytes = type && (await readFile(file).catch(() => undefined));
  if (!bytes) {
    response.writeHead(404, HEADERS).end();
    return;
  }
  response.writeHead(200, { ...HEADERS, "content-type": type }).end(bytes);
}

/** `URL` has resolved every `..` already, so a path stays in its folder. */
function fileOf(pathname) {
  const path = pathname === "/" ? "/index.html" : pathname;
  const [prefix, folder] = Object.entries(FOLDERS).find(([prefix]) => path.startsWith(prefix));
  return new URL(`./${path.slice(prefix.length)}`, folder);
}

server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
