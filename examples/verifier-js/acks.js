/** Acknowledgements of followers, as a service hears them (service.md 8.2). */
import { unpack } from "./encoding.js";
import { bin, such, time, tuple } from "./forms.js";
import { ACK, isSigned, publicKey, sha256 } from "./keys.js";
import { Refused, malformed } from "./refused.js";
import { placesOf } from "./revocation.js";

const MAX_ACK = 1024;
const SKEW = 60;

const name = such((value) => typeof value === "string" && /^[A-Za-z0-9._-]{1,128}$/.test(value), "not a name");
const signed = tuple(bin(), bin(64));
const ackBody = tuple(name, bin(16), time, bin(32), time, time);

/**
 * What a follower says, or `Refused`.
 *
 * @param followers `{name, key}` of those that are registered
 * @param list `{listId, entries}`, the packed entries from the first
 */
export function hear(bytes, { followers, list, now }) {
  const keys = new Map(followers.map(({ name, key }) => [name, publicKey(key)]));
  if (bytes.length > MAX_ACK) throw malformed("an acknowledgement that is too long");
  const [body, signature] = signed(unpack(bytes));
  const [name, listId, seq, hash, issuedAt, at] = ackBody(unpack(body));
  if (!keys.has(name) || !isSigned(keys.get(name), ACK, sha256(body), signature)) {
    throw new Refused("untrusted", "not the acknowledgement of a registered follower");
  }
  if (Math.abs(now - at) > SKEW) throw new Refused("proof_time", "not of this minute");
  const place = placesOf(list)[seq];
  if (!listId.equals(list.listId) || place === undefined || !hash.equals(place)) {
    throw new Refused("list_forked", "not a place on the list");
  }
  return { name, listId, seq, hash, issuedAt, at };
}
