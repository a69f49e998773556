// Status lists: each runtime inflates them with what it has.
import { TestServer } from "./server.mjs";
import { AT_NOW, GOOD_CLAIMS, NOW, TestKey } from "./sign.mjs";

const SECONDS = NOW.getTime() / 1000;

/**
 * @param lists what is in `lst`: `second` has the second of its bits set, `large` is a
 *   byte too long, and `bomb` is 64 MiB
 */
export async function status(checks, { createVerifier }, origin, lists) {
  const server = new TestServer(origin);
  const key = await TestKey.generate("ES256", "one");
  const create = (statusList) => createVerifier({ jwks: { keys: [key.jwk] } }, { statusList });
  let count = 0;
  /** A list, and the tokens at its first two places. */
  const publish = async (lst, claims = {}) => {
    count += 1;
    const path = `/lists/${count}`;
    const uri = server.url(path);
    const list = { sub: uri, iat: SECONDS, exp: SECONDS + 60, status_list: { bits: 1, lst }, ...claims };
    await server.publish(path, await key.sign(list, { typ: "statuslist+jwt" }));
    const token = (idx) => key.sign({ ...GOOD_CLAIMS, status: { status_list: { idx, uri } } });
    return { path, tokens: [await token(0), await token(1)] };
  };
  const verdicts = async (verifier, { tokens }) => {
    const codes = [];
    for (const token of tokens) {
      codes.push(await checks.verdict(() => verifier.verifyAsync(token, AT_NOW)));
    }
    return codes;
  };

  await checks.group("a status list", async () => {
    const verifier = await create("fail-closed");
    const list = await publish(lists.second);
    checks.equal(await checks.verdict(() => verifier.verify(list.tokens[0], AT_NOW)), "status_unavailable", "not held");
    checks.equal(await verdicts(verifier, list), ["good", "revoked"], "asynchronously");
    checks.equal(await checks.verdict(() => verifier.verify(list.tokens[0], AT_NOW)), "good", "held");
    checks.equal(await checks.verdict(() => verifier.verify(list.tokens[1], AT_NOW)), "revoked", "held");
    checks.equal(await server.requests(list.path), 1, "one fetch");
    const plain = await key.sign(GOOD_CLAIMS);
    checks.equal(await checks.verdict(() => verifier.verifyAsync(plain, AT_NOW)), "good", "no claim, nothing to follow");
  });

  await checks.group("status lists that are none", async () => {
    for (const [name, lst, claims] of [
      ["a bomb", lists.bomb],
      ["more than 2 MiB", lists.large],
      ["not zlib", "aGVsbG8gd29ybGQ"],
      ["empty", ""],
      ["cut off", lists.second.slice(0, -8)],
      ["more after the end", `${lists.second}AAAA`],
      ["3 bits", "", { status_list: { bits: 3, lst: lists.second } }],
      ["another `sub`", lists.second, { sub: "https://example.com/lists/1" }],
      ["expired", lists.second, { exp: SECONDS }],
    ]) {
      const list = await publish(lst, claims);
      const refused = ["status_unavailable", "status_unavailable"];
      checks.equal(await verdicts(await create("fail-closed"), list), refused, `${name}, closed`);
      checks.equal(await verdicts(await create("fail-open"), list), ["good", "good"], `${name}, open`);
    }
    const after = await publish(lists.second);
    checks.equal(await verdicts(await create("fail-closed"), after), ["good", "revoked"], "the next one");
  });
}
