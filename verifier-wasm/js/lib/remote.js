// Fetching key sets, metadata and status lists, with bounds on everything a
// server can choose.

/** How long one fetch may take, in ms. */
export const TIME_LIMIT = 5000;

/** How long a document may be, in bytes. */
export const SIZE_LIMIT = 1 << 20;

/** What is being fetched at this moment, for all who ask for it. */
const underWay = new Map();

/** A URL that may be fetched: https, or http on this very machine. */
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

/**
 * Fetches a text: `{ text, maxAge }`, the latter in seconds and undefined when
 * the server does not say. Redirects are not followed. What is being fetched
 * already is not fetched twice, where promises may be shared.
 */
export function fetchText(url, accept, { isShared, fetchOptions }) {
  if (!isShared) {
    return fetchOne(url, accept, fetchOptions);
  }
  const what = `${accept} ${url.href}`;
  if (!underWay.has(what)) {
    const fetching = fetchOne(url, accept, fetchOptions);
    underWay.set(what, fetching.finally(() => underWay.delete(what)));
  }
  return underWay.get(what);
}

async function fetchOne(url, accept, options) {
  try {
    const response = await fetch(url, {
      ...options,
      headers: { accept },
      // Not "error", which workerd does not know; a redirect is not `ok`.
      redirect: "manual",
      signal: AbortSignal.timeout(TIME_LIMIT),
    });
    if (!response.ok) {
      response.body?.cancel().catch(() => {});
      throw new Error(`status ${response.status}`);
    }
    return { text: await readText(response), maxAge: maxAgeOf(response.headers) };
  } catch (cause) {
    throw new Error(`cannot fetch ${url}`, { cause });
  }
}

async function readText(response) {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  if (response.body === null) {
    return "";
  }
  let text = "";
  let size = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) {
      return text + decoder.decode();
    }
    size += value.byteLength;
    if (size > SIZE_LIMIT) {
      reader.cancel().catch(() => {});
      throw new Error(`more than ${SIZE_LIMIT} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** How long a response is fresh from now on (RFC 9111 section 4.2), in seconds. */
function maxAgeOf(headers) {
  const directives = headers.get("cache-control") ?? "";
  if (/(?:^|,)\s*no-(?:store|cache)\b/i.test(directives)) {
    return 0;
  }
  const lifetime = /(?:^|,)\s*max-age\s*=\s*"?(\d+)/i.exec(directives)?.[1];
  if (lifetime === undefined) {
    return undefined;
  }
  const age = Number(headers.get("age"));
  return Math.max(Number(lifetime) - (age > 0 ? age : 0), 0);
}
