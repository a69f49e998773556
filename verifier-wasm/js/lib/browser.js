/** Fetches and compiles a WebAssembly module, while it arrives where possible. */
export async function compileFrom(url) {
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`cannot fetch ${url}: status ${response.status}`);
  }
  // Streaming demands the right content type; a static server may not send it.
  if (WebAssembly.compileStreaming && response.headers.get("content-type") === "application/wasm") {
    return WebAssembly.compileStreaming(response);
  }
  return WebAssembly.compile(await response.arrayBuffer());
}
