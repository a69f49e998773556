// An HTTP server on loopback that answers what a test tells it to.
import { once } from "node:events";
import { createServer } from "node:http";

export class Origin {
  /** What each path answers: a value to send as JSON, or a handler of the response. */
  answers = {};
  /** The paths that were asked for. */
  requests = [];
  #server;

  static async start() {
    const origin = new Origin();
    origin.#server = createServer((request, response) => {
      origin.requests.push(request.url);
      const answer = origin.answers[request.url];
      if (typeof answer === "function") {
        answer(response, request);
        return;
      }
      response.statusCode = answer === undefined ? 404 : 200;
      response.end(JSON.stringify(answer ?? {}));
    });
    // What computes for seconds must not find its connection closed meanwhile.
    origin.#server.keepAliveTimeout = 0;
    origin.#server.listen(0, "127.0.0.1");
    await once(origin.#server, "listening");
    return origin;
  }

  get base() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Forgets what was asked, and answers anew. */
  reset(answers) {
    this.answers = answers;
    this.requests = [];
  }

  /** How often a path was asked for. */
  count(path) {
    return this.requests.filter((request) => request === path).length;
  }
}
