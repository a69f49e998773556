// Compiled, never run: every member of `latchkey-verifier` as a user writes it, and
// what must not compile.
import {
  createVerifier,
  VerifierError,
  type Algorithm,
  type JsonWebKeySet,
  type KeySource,
  type Payload,
  type ProtectedHeader,
  type Verified,
  type VerifiedSignature,
  type Verifier,
  type VerifierErrorCode,
  type VerifierOptions,
  type VerifyOptions,
} from "latchkey-verifier";

/** Whether two types are the same one, not merely assignable. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function holds<T extends true>(): T | void {}

const jwks: JsonWebKeySet = { keys: [{ kty: "OKP", crv: "Ed25519", x: "…", kid: "1" }] };
export const sources: KeySource[] = [
  { jwks },
  { jwksUri: "https://auth.example.com/jwks.json" },
  { issuer: "https://auth.example.com" },
  { secret: "text" },
  { secret: new Uint8Array(32) },
  { secret: new ArrayBuffer(32) },
];

// All of them: an option that is added has to be written here, too.
const every: Required<VerifierOptions> = {
  algorithms: ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "EdDSA", "Ed25519"],
  issuer: "https://auth.example.com",
  audience: ["https://api.example.com"],
  typ: null,
  clockTolerance: 5,
  maxTokenAge: 3600,
  requiredClaims: ["sid"],
  maxTokenLength: 4096,
  allowNoExpiry: true,
  cache: 0,
  statusList: "fail-closed",
};
export const frozen = createVerifier({ jwks } as const, { ...every, audience: "x", algorithms: ["EdDSA"] as const });

export async function use(token: string): Promise<string | undefined> {
  const verifier: Verifier = await createVerifier({ jwks });
  await createVerifier({ jwks }, {});
  await createVerifier({ jwks }, undefined);
  await createVerifier({ jwks }, { statusList: "fail-open" });

  const at: Required<VerifyOptions> = { currentDate: new Date() };
  const verified: Verified = verifier.verify(token, at);
  const again: Verified = await verifier.verifyAsync(token);
  const signature: VerifiedSignature = verifier.verifySignature(token);
  const bytes: Uint8Array = signature.payload;
  const { payload, protectedHeader }: { payload: Payload; protectedHeader: ProtectedHeader } = verified;
  holds<Same<typeof payload.sub, string | undefined>>();
  holds<Same<typeof payload.aud, string | string[] | undefined>>();
  holds<Same<typeof payload.exp | typeof payload.nbf | typeof payload.iat, number | undefined>>();
  // A claim of one's own is unknown until it has been looked at.
  holds<Same<(typeof payload)["roles"], unknown>>();
  const alg: string = protectedHeader.alg;
  const kid: string | undefined = signature.protectedHeader.kid;
  return [payload.iss, payload.jti, again.payload.sub, alg, kid, bytes.length].join();
}

export function reason(error: unknown): string {
  if (!(error instanceof VerifierError)) {
    throw error;
  }
  holds<Same<typeof error.code, VerifierErrorCode>>();
  holds<Same<typeof error.claim, string | undefined>>();
  holds<Same<typeof error.name, "VerifierError">>();
  const plain: Error = error;
  switch (error.code) {
    case "expired":
      return plain.message;
    case "revoked":
    case "status_unavailable":
      return "";
    // @ts-expect-error: no such code
    case "outdated":
      return "";
    default:
      return error.claim ?? error.code;
  }
}
export const made = new VerifierError("expired", "too old", "exp", { cause: new Error("…") });

export async function wrong(verifier: Verifier, name: string): Promise<void> {
  // @ts-expect-error: the keys are missing
  await createVerifier();
  // @ts-expect-error: no source of keys
  await createVerifier({});
  // @ts-expect-error: a number is no secret
  await createVerifier({ secret: 7 });
  // @ts-expect-error: a key set is an object
  await createVerifier({ jwks: "{}" });
  // @ts-expect-error: misspelt
  await createVerifier({ jwks }, { audiences: "x" });
  // @ts-expect-error: not an algorithm of ours
  await createVerifier({ jwks }, { algorithms: ["none"] });
  // @ts-expect-error: any string is not an algorithm
  const algorithm: Algorithm = name;
  // @ts-expect-error: seconds
  await createVerifier({ jwks }, { clockTolerance: "5s" });
  // @ts-expect-error: closed or open, and nothing between
  await createVerifier({ jwks }, { statusList: true });
  // @ts-expect-error: only `typ` may be null
  await createVerifier({ jwks }, { issuer: null });
  // @ts-expect-error: a promise is not a verifier
  createVerifier({ jwks }).verify("…");
  // @ts-expect-error: the date is a Date
  verifier.verify("…", { currentDate: Date.now() });
  // @ts-expect-error: a token is a string
  verifier.verify(undefined);
  // @ts-expect-error: `verifyAsync` gives a promise
  (verifier.verifyAsync("…") satisfies Verified);
  // @ts-expect-error: a signature says nothing about claims
  verifier.verifySignature("…").payload.sub;
  // @ts-expect-error: what is signed is not changed
  made.code = "revoked";
  void algorithm;
}
