import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * An empty folder, gone when the test is over.
 *
 * @param {{ after(work: () => unknown): void }} t the test's context; at the top of a
 *   file also `node:test` itself, for the end of all its tests
 */
export async function temporaryFolder(t) {
  const folder = await mkdtemp(join(tmpdir(), "latchkey-test-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
