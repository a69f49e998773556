/** How much goes in at a time. Little, because a runtime may inflate all of a piece at once. */
const PIECE = 1024;

/**
 * Inflates zlib's format (RFC 1950) with the platform's streams. Rejects when it
 * is not that, or more than `limit` bytes.
 */
export async function inflate(bytes, limit) {
  const pieces = [];
  let size = 0;
  for (const reader = inPieces(bytes).pipeThrough(new DecompressionStream("deflate")).getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) {
      return joined(pieces, size);
    }
    size += value.byteLength;
    if (size > limit) {
      reader.cancel().catch(() => {});
      throw new RangeError(`more than ${limit} bytes when inflated`);
    }
    pieces.push(value);
  }
}

function inPieces(bytes) {
  let at = 0;
  const source = {
    pull(controller) {
      if (at >= bytes.length) {
        controller.close();
        return;
      }
      controller.enqueue(bytes.subarray(at, at + PIECE));
      at += PIECE;
    },
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}

function joined(pieces, size) {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
