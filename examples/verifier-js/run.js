/**
 * Runs test vectors: node run.js <folder>
 *
 * A line for each vector that fails, and a last line with the counts. What a vector
 * holds, and what is to be done with it, is described in specs/vectors/README.md.
 */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { decode } from "@msgpack/msgpack";
import { hear } from "./acks.js";
import { check } from "./audit.js";
import { fromText, pack, toText, unpack } from "./encoding.js";
import { prove } from "./holders.js";
import { publicKey } from "./keys.js";
import { isName, isPattern, matches } from "./names.js";
import { Refused, malformed } from "./refused.js";
import { View } from "./revocation.js";
import { readBearer, readPresentation, readRequest, readToken } from "./tokens.js";
import { ReplayMemory, Verifier } from "./verifier.js";

const bytes = (hex) => Buffer.from(hex, "hex");
const hex = (buffer) => buffer.toString("hex");

/** An expectation beside the code: which field differs, and how. */
function same(field, found, wanted) {
  const [a, b] = [found, wanted].map((value) => JSON.stringify(value));
  if (a !== b) throw new Error(`${field}: ${a} where ${b} is expected`);
}

/** The code of the refusal, or "ok". Any other exception is a failure of this verifier. */
function codeOf(action) {
  try {
    action();
    return "ok";
  } catch (error) {
    if (error instanceof Refused) return error.code;
    throw error;
  }
}

/** A value of token.md 1.1 from the JSON of a vector. */
function fromJson(json) {
  if (Array.isArray(json)) return json.map(fromJson);
  if (json === null || typeof json !== "object") return json;
  const entries = Object.entries(json);
  if (entries.length === 1 && entries[0][0] === "$int") return BigInt(json.$int);
  if (entries.length === 1 && entries[0][0] === "$bin") return bytes(json.$bin);
  return new Map(entries.map(([key, value]) => [key, fromJson(value)]));
}

const requestOf = (json) => ({ ...json, args: fromJson(json.args), context: bytes(json.context) });

const viewOf = ({ keys, list_id }, floor) =>
  new View({ keys: keys.map(bytes), listId: bytes(list_id), floor: floor === undefined ? null : bytes(floor) });

function rootOf({ key, list, unrevocable }) {
  if (list === undefined) return { key: bytes(key), unrevocable };
  const view = viewOf(list);
  for (const { now, update } of list.updates) view.update(bytes(update), now);
  return { key: bytes(key), list: view };
}

function runVerify(vector) {
  const admit = () => {
    const verifier = new Verifier({
      audience: vector.audience,
      roots: vector.roots.map(rootOf),
      maxLifetime: vector.max_lifetime,
      freshness: vector.freshness,
      policy: vector.policy === undefined ? undefined : () => vector.policy,
    });
    for (const [i, before] of (vector.seen ?? []).entries()) {
      const code = codeOf(() => verifier.verify(before.presentation, requestOf(before.request), before.now));
      same(`seen ${i}`, code, "ok");
    }
    return verifier.verify(vector.presentation, requestOf(vector.request), vector.now);
  };

  if (vector.request_packed !== undefined) {
    same("request_packed", hex(readRequest(requestOf(vector.request)).packed), vector.request_packed);
  }
  let admitted;
  const code = codeOf(() => {
    try {
      admitted = admit();
    } catch (error) {
      if (vector.failures !== undefined && error instanceof Refused) {
        same("failures", error.failures.map(({ hop, kind }) => [hop, kind]), vector.failures);
      }
      throw error;
    }
  });
  if (admitted !== undefined) sameAdmitted(admitted, vector);
  return code;
}

function sameAdmitted({ rootId, hops }, vector) {
  if (vector.root_id !== undefined) same("root_id", hex(rootId), vector.root_id);
  if (vector.links !== undefined) same("links", hops.map(({ link }) => hex(link)), vector.links);
  for (const [i, wanted] of (vector.hops ?? []).entries()) {
    const { agent, purpose, issuedAt, delegator, holder } = hops[i] ?? {};
    const { agent: a, purpose: p, issued_at: t, delegator: d, holder: h } = wanted;
    same(`hop ${i}`, [agent, purpose, issuedAt, hex(delegator), hex(holder)], [a, p, t, d, h]);
  }
  same("hops", hops.length, vector.hops?.length ?? hops.length);
}

const TEXTS = {
  token: ["cc1_", readToken],
  presentation: ["cc1p_", readPresentation],
  bearer: ["cc1s_", readBearer],
};

function runDecode({ form, text, bytes: packed }) {
  return codeOf(() => {
    if (form === "key") return publicKey(bytes(packed));
    if (form === "block" || form === "args") return sameAgain(bytes(packed), { inArguments: form === "args" });
    const [prefix, read] = TEXTS[form];
    read(text);
    const once = fromText(prefix, text, Infinity);
    same("text", toText(prefix, once), text);
    return sameAgain(once, { inArguments: false });
  });
}

/**
 * Packing what was read gives the same bytes. And, as the decoder is our own, an ordinary
 * MessagePack library has to read the same in them (not in maps: it gives JavaScript
 * objects, which keep neither every key nor the order).
 */
function sameAgain(packed, options) {
  const value = unpack(packed, options);
  same("packed again", hex(pack(value)), hex(packed));
  if (!options.inArguments) same("read by a library", hex(pack(decode(packed, { useBigInt64: true }))), hex(packed));
}

function runMatch({ pattern, subject }) {
  const code = codeOf(() => {
    if (!isPattern(pattern) || !isName(subject)) throw malformed("not in the form of section 7");
  });
  if (code !== "ok") return code;
  return matches(pattern, subject) ? "ok" : "no_match";
}

function runList(vector) {
  const view = viewOf(vector.list, vector.floor);
  let code;
  for (const [i, { now, update, expect }] of vector.steps.entries()) {
    code = codeOf(() => view.update(bytes(update), now));
    same(`step ${i}`, code, expect);
  }
  const isRevoked = (id) => view.has(bytes(id)) || view.hasIssuer(bytes(id));
  if (vector.seq !== undefined) same("seq", view.seq, vector.seq);
  if (vector.hash !== undefined) same("hash", hex(view.hash), vector.hash);
  same("revoked", (vector.revoked ?? []).filter((id) => !isRevoked(id)), []);
  same("alive", (vector.alive ?? []).filter(isRevoked), []);
  return code;
}

/** A vector of something that is read: `read` gives what it says, in the words of the vector. */
const reading = (read) => (vector) =>
  codeOf(() => {
    const said = read(vector);
    for (const [field, wanted] of Object.entries(vector.said ?? {})) same(field, said[field], wanted);
  });

function readAck({ ack, followers, list, now }) {
  const { name, listId, seq, hash, issuedAt, at } = hear(bytes(ack), {
    followers: followers.map(({ name, key }) => ({ name, key: bytes(key) })),
    list: { listId: bytes(list.list_id), entries: list.entries.map(bytes) },
    now,
  });
  return { name, list_id: hex(listId), seq, hash: hex(hash), issued_at: issuedAt, at };
}

const readAudit = ({ lines, keys }) => check(lines, keys.map(bytes));

function readHolder({ holder_proof: text, seen = [], holder, subject_token: subjectToken, audience, now }) {
  const replays = new ReplayMemory();
  const proofs = [...seen, text].map((each) =>
    prove(each, { holder: bytes(holder), subjectToken, audience, replays, now }),
  );
  const { issuedAt, nonce } = proofs.at(-1);
  return { issued_at: issuedAt, nonce: hex(nonce) };
}

const RUNNERS = {
  verify: runVerify,
  decode: runDecode,
  match: runMatch,
  list: runList,
  ack: reading(readAck),
  audit: reading(readAudit),
  holder: reading(readHolder),
};
const SKIPPED = { macaroon: "macaroons are another format" };

const folder = process.argv[2];
const counts = { passed: 0, failed: 0, skipped: {} };
for (const file of readdirSync(folder).filter((name) => name.endsWith(".json")).sort()) {
  try {
    const vector = JSON.parse(readFileSync(join(folder, file), "utf8"));
    const reason = SKIPPED[vector.type];
    if (reason !== undefined) {
      counts.skipped[reason] = (counts.skipped[reason] ?? 0) + 1;
      continue;
    }
    same("code", RUNNERS[vector.type](vector), vector.expect);
    counts.passed += 1;
  } catch (error) {
    counts.failed += 1;
    console.log(`${file}: ${error.message}`);
  }
}
const skipped = Object.entries(counts.skipped);
for (const [reason, n] of skipped) console.log(`skipped ${n}: ${reason}`);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${skipped.reduce((sum, [, n]) => sum + n, 0)} skipped`);
// No vectors is no success.
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
