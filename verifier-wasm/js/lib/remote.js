// Fetching key sets and metadata, with bounds on everything a server can choose.
import { VerifierError } from "./error.js";

const TIME_LIMIT = 5000;
const SIZE_LIMIT = 1 << 20;

/** A URL that keys may come from: https, or http on this very machine. */
export function readUrl(value, name) {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined) {
    throw new TypeError(`\`${name}\` must be a URL`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new TypeError(`\`${name}\` must not contain a user or a password`);
  }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url.hostname))) {
    throw new TypeError(`\`${name}\` must be https, or http on loopback`);
  }
  return url;
}

function isLoopback(host) {
  // `URL` has already written every spelling of an IPv4 address as four numbers.
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Fetches a JSON document: `{ text, value }`. Redirects are not followed. */
export async function fetchJson(url) {
  try {
    const response = await fetch(url, {
      headers: { accept: "application/json" },
      // Not "error", which workerd does not know; a redirect is not `ok`.
      redirect: "manual",
      signal: AbortSignal.timeout(TIME_LIMIT),
    });
    if (!response.ok) {
      throw new Error(`status ${response.status}`);
    }
    const text = await readText(response);
    return { text, value: JSON.parse(text) };
  } catch (cause) {
    throw new VerifierError("keys_unavailable", `cannot fetch ${url}`, undefined, { cause });
  }
}

async function readText(response) {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let size = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) {
      return text + decoder.decode();
    }
    size += value.byteLength;
    if (size > SIZE_LIMIT) {
      await reader.cancel();
      throw new Error(`more than ${SIZE_LIMIT} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}
