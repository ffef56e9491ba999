/** Keys, digests and signatures (token.md 2). Ed25519 and SHA-256 are Node's. */
import { createHash, createPrivateKey, createPublicKey, verify } from "node:crypto";
import { such } from "./forms.js";

export const sha256 = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** What each signature is for: one made for one use is worth nothing in another. */
export const BLOCK = "chaincred/v1/block\0";
export const PROOF = "chaincred/v1/proof\0";
export const HEAD = "chaincred/v1/head\0";
export const SNAPSHOT = "chaincred/v1/snapshot\0";
export const ACK = "chaincred/v1/ack\0";
export const AUDIT = "chaincred/v1/audit\0";
export const HOLDER = "chaincred/v1/holder\0";

/** The canonical y of the points of small order, the sign bit cleared. */
const SMALL_ORDER = new Set([
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  `ec${"ff".repeat(30)}7f`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]);

/** y = p = 2^255−19 or more, the sign bit cleared. */
const NOT_CANONICAL = /^(e[d-f]|f.)(ff){30}7f$/;

function isPublicKey(value) {
  if (!(value instanceof Uint8Array) || value.length !== 32) return false;
  const y = Buffer.from(value);
  y[31] &= 0x7f;
  return !NOT_CANONICAL.test(y.toString("hex")) && !SMALL_ORDER.has(y.toString("hex"));
}

/** Form: a key that every Ed25519 library treats alike. */
export const publicKey = such(isPublicKey, "not a public key that may be used");

export const keyDigest = (key) => sha256("chaincred/v1/key\0", key);

/** Whether `key` signed these 32 bytes for this use. */
export function isSigned(key, context, digest, signature) {
  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(key).toString("base64url") };
  const message = Buffer.concat([Buffer.from(context), digest]);
  return verify(null, message, createPublicKey({ key: jwk, format: "jwk" }), signature);
}

/** PKCS #8 (RFC 8410) of an Ed25519 private key, up to its 32 bytes. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

/** The public key of a seed (RFC 8032, 5.1.5). */
export function publicKeyOf(seed) {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
  return Buffer.from(createPublicKey(key).export({ format: "jwk" }).x, "base64url");
}
