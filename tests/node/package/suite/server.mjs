/** The test server, which answers what it was told to, and counts: `answers.mjs` is its side of it. */
export class TestServer {
  #origin;
  // The runtimes share the server, and nobody else's answers.
  #folder = `/answers/${crypto.randomUUID()}`;

  constructor(origin) {
    this.#origin = origin;
  }

  url(path) {
    return this.#origin + this.#folder + path;
  }

  async publish(path, body, answer) {
    await this.publishAt(this.#folder + path, body, answer);
    return this.url(path);
  }

  /** Lets a path answer with JSON, or with a text as it stands. */
  async publishAt(path, body, { status = 200, headers = {} } = {}) {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const answer = { path, status, headers, body: text };
    const response = await fetch(`${this.#origin}/answers`, { method: "POST", body: JSON.stringify(answer) });
    if (!response.ok) {
      throw new Error(`the test server answers ${response.status}`);
    }
    await response.arrayBuffer();
  }

  /** How often a path was asked for. */
  async requests(path) {
    const response = await fetch(`${this.#origin}/answers?path=${this.#folder}${path}`);
    return response.json();
  }
}
