// A proxy that ends TLS, in front of a server that speaks HTTP.
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { createServer } from "node:tls";

/**
 * Starts a proxy for `https://localhost:PORT`, with a certificate that nobody has
 * signed but itself: clients have to be told to take it.
 *
 * It has its port before it knows where to lead, for the server behind it has to be told
 * its public URL.
 *
 * @param {{ after(work: () => unknown): void }} t see `temporaryFolder`
 * @returns {Promise<{ origin: string, leadTo(origin: string): void }>}
 */
export async function startTlsProxy(t) {
  const connections = new Set();
  let target;
  const proxy = createServer(selfSigned("localhost"), (near) => {
    const far = connect(target);
    for (const [socket, other] of [[near, far], [far, near]]) {
      connections.add(socket);
      // Either may hang up as it likes.
      socket.on("error", () => {});
      socket.on("close", () => {
        connections.delete(socket);
        other.destroySoon();
      });
      socket.pipe(other);
    }
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => {
    connections.forEach((socket) => socket.destroy());
    proxy.close();
  });
  return {
    origin: `https://localhost:${proxy.address().port}`,
    leadTo(origin) {
      const { hostname, port } = new URL(origin);
      target = { host: hostname, port };
    },
  };
}

/** A key and a certificate of its own (RFC 5280) for a host, for a day. */
function selfSigned(host) {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const DAY = 86_400_000;
  const name = sequence(set(sequence(COMMON_NAME, der(0x0c, host))));
  const body = sequence(
    der(0xa0, der(0x02, [2])),
    der(0x02, [1, ...randomBytes(15)]),
    ECDSA_WITH_SHA256,
    name,
    sequence(time(Date.now() - DAY), time(Date.now() + DAY)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(sequence(SUBJECT_ALT_NAME, der(0x04, sequence(der(0x82, host)))))),
  );
  const signature = sign("sha256", body, privateKey);
  const certificate = sequence(body, ECDSA_WITH_SHA256, der(0x03, [0, ...signature]));
  const base64 = certificate.toString("base64").replace(/.{64}/g, "$&\n");
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }),
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  };
}

const COMMON_NAME = der(0x06, [0x55, 4, 3]);
const SUBJECT_ALT_NAME = der(0x06, [0x55, 29, 17]);
const ECDSA_WITH_SHA256 = sequence(der(0x06, [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]));

function sequence(...parts) {
  return der(0x30, Buffer.concat(parts));
}

function set(...parts) {
  return der(0x31, Buffer.concat(parts));
}

/** `20260131093000Z` */
function time(millis) {
  return der(0x18, `${new Date(millis).toISOString().replace(/\D/g, "").slice(0, 14)}Z`);
}

/** A value with its tag and its length, in DER. */
function der(tag, value) {
  const content = Buffer.from(value);
  const { length } = content;
  // As short as it can be: browsers take no other.
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...head), content]);
}
