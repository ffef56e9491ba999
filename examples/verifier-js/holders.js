/** Proofs that a workload has the key it asks a token for (service.md 10.2). */
import { fromText, pack, unpack } from "./encoding.js";
import { bin, time, tuple } from "./forms.js";
import { HOLDER, isSigned, keyDigest, publicKey, sha256 } from "./keys.js";
import { Refused } from "./refused.js";

const WINDOW = 60;
const MAX_PROOF = 94;

const keyProof = tuple(time, bin(16), bin(64));

/**
 * When and under which nonce a holder proved its key for one JWT at one service, or `Refused`.
 *
 * @param replays a ReplayMemory
 */
export function prove(text, { holder, subjectToken, audience, replays, now }) {
  const key = publicKey(holder);
  const [issuedAt, nonce, signature] = keyProof(unpack(fromText("", text, MAX_PROOF)));
  const digest = sha256(pack([audience, issuedAt, nonce, sha256(subjectToken)]));
  if (Math.abs(now - issuedAt) > WINDOW || !isSigned(key, HOLDER, digest, signature)) {
    throw new Refused("key_proof", "not of this holder, for this exchange, now");
  }
  if (!replays.add(keyDigest(key), nonce, issuedAt + WINDOW, now)) {
    throw new Refused("proof_replayed", "this key proof was seen before");
  }
  return { issuedAt, nonce };
}
