// The side of the suite's server that answers as it is told (see suite/remote.mjs).
import { json } from "node:stream/consumers";

/**
 * What to mount under `/answers` (to tell, and to ask how often a path was asked for)
 * and where the answers are given.
 */
export function answers() {
  const told = new Map();
  const counts = new Map();
  const control = async (request, response) => {
    if (request.method === "POST") {
      const { path, ...answer } = await json(request);
      told.set(path, answer);
    }
    const { searchParams } = new URL(request.url, "http://localhost");
    const count = counts.get(searchParams.get("path")) ?? 0;
    response.setHeader("content-type", "application/json").end(`${count}`);
  };
  const give = (request, response) => {
    const { status, headers, body } = told.get(request.url) ?? { status: 404, headers: {}, body: "{}" };
    counts.set(request.url, (counts.get(request.url) ?? 0) + 1);
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
  };
  return { "/answers": control, "/answers/": give, "/.well-known/": give };
}
