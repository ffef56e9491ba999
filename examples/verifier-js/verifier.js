/**
 * The decision (token.md 8): one function, its steps numbered and ordered as there.
 *
 * Left out: `explain`, and remembering chains that passed step 2.
 */
import { holds } from "./caveats.js";
import { isText } from "./forms.js";
import { BLOCK, PROOF, isSigned, publicKey } from "./keys.js";
import { Refused } from "./refused.js";
import { View, chainId, keyIdOnList, taskId } from "./revocation.js";
import { EFFECTS, linksOf, proofDigest, readPresentation, readRequest } from "./tokens.js";

/** How long a proof lives, and how far clocks may differ, in seconds. */
const WINDOW = 60;

const MAX_LIFETIME = 86400;
const FRESHNESS = { read: 300, write: 30, irreversible: 5 };

/** The only field of each caveat of this name. */
const fieldOf = (wanted, caveats) => caveats.filter(({ name }) => name === wanted).map(({ fields }) => fields[0]);

/** Which proofs were seen (8, step 3d). In memory: for one process, and empty after a restart. */
export class ReplayMemory {
  #capacity;
  #untils = new Map();
  #forgotten = 0;

  constructor(capacity = 2 ** 20) {
    this.#capacity = capacity;
  }

  /** Whether this is certainly the first time, which it never is again until `until`. */
  add(link, nonce, until, now) {
    if (now > this.#forgotten) this.#forget(now);
    // A clock that was set back must not bring back what was forgotten.
    if (until < this.#forgotten) return false;
    const pair = link.toString("hex") + nonce.toString("hex");
    if (this.#untils.has(pair) || this.#untils.size >= this.#capacity) return false;
    this.#untils.set(pair, until);
    return true;
  }

  #forget(before) {
    for (const [pair, until] of this.#untils) if (until < before) this.#untils.delete(pair);
    this.#forgotten = before;
  }
}

export class Verifier {
  #audience;
  #roots;
  #maxLifetime;
  #freshness;
  #replays;
  #policy;

  /**
   * @param audience this verifier's own name
   * @param roots `{key, list}` with a View, or `{key, unrevocable}` with a longest lifetime in seconds
   * @param policy asked last with what would be admitted and the request; only `true` admits
   */
  constructor({ audience, roots, maxLifetime = MAX_LIFETIME, freshness = {}, replays = new ReplayMemory(), policy }) {
    if (!isText(audience)) throw new TypeError("a verifier has a name");
    for (const { list, unrevocable } of roots) {
      // Exactly one, and said outright: a list that went missing must not read as "unrevocable".
      const isListed = list instanceof View && unrevocable === undefined;
      const isUnrevocable = list === undefined && Number.isSafeInteger(unrevocable);
      if (!isListed && !isUnrevocable) throw new TypeError("a root has a list or is unrevocable");
    }
    this.#audience = audience;
    this.#roots = roots.map((root) => ({ ...root, key: Buffer.from(publicKey(root.key)) }));
    this.#maxLifetime = maxLifetime;
    this.#freshness = { ...FRESHNESS, ...freshness };
    this.#replays = replays;
    this.#policy = policy;
  }

  /** What is admitted, or `Refused` with the code of the first step that fails. */
  verify(text, asked, now) {
    if (!Number.isSafeInteger(now)) throw new TypeError("now is in whole seconds");

    // 1. malformed
    const { chain, proof } = readPresentation(text);
    const request = readRequest(asked);

    // 2. untrusted, broken_chain
    const links = linksOf(chain);
    const root = this.#rootOf(chain, links);
    for (let i = 1; i < chain.length; i += 1) {
      if (isSigned(chain[i - 1].holder, BLOCK, links[i], chain[i].signature)) continue;
      throw new Refused("broken_chain", `block ${i} is not signed by the holder before it`);
    }

    // 3. proof
    this.#checkProof(proof, chain, links, request, now);

    // 4. stale, revoked
    if (root.list !== undefined) this.#checkList(root, chain, links, request, now);

    // 5. caveat
    const failures = [...this.#ownFailures(root, chain, now), ...this.#caveatFailures(chain, request, now)];
    if (failures.length > 0) {
      throw new Refused("caveat", `forbidden by ${failures.map(({ kind }) => kind).join(", ")}`, failures);
    }

    // 6. policy
    const admitted = {
      rootId: links[0],
      hops: chain.map(({ agent, purpose, issuedAt, holder, caveats }, i) => ({
        agent, purpose, issuedAt, delegator: chain[i - 1]?.holder ?? root.key, holder, link: links[i], caveats,
      })),
      list: root.list?.standing(now) ?? null,
    };
    if (!this.#agrees(admitted, request)) throw new Refused("policy", "the server's policy did not agree");

    // 7. No counters in this version.
    return admitted;
  }

  /** The trusted root that signed block 0. The token's `issuer` is a claim: it picks a key, and is never one. */
  #rootOf([first], [rootId]) {
    const root = this.#roots.find(({ key }) => key.equals(first.issuer));
    if (root !== undefined && isSigned(root.key, BLOCK, rootId, first.signature)) return root;
    throw new Refused("untrusted", "block 0 is not signed by a trusted root");
  }

  #checkProof(proof, chain, links, request, now) {
    // (a)
    if (proof.audience !== this.#audience) {
      throw new Refused("proof_audience", "the proof was made for another audience");
    }
    // (b)
    if (Math.abs(now - proof.issuedAt) > WINDOW) throw new Refused("proof_time", "the proof is not of this minute");
    // (c)
    const link = links.at(-1);
    const digest = proofDigest(link, proof, request.packed);
    if (!isSigned(chain.at(-1).holder, PROOF, digest, proof.signature)) {
      throw new Refused("proof_signature", "the last holder did not sign this request on this chain");
    }
    // (d) Last, so that only the holder can fill the memory.
    if (!this.#replays.add(link, proof.nonce, proof.issuedAt + WINDOW, now)) {
      throw new Refused("proof_replayed", "this proof was seen before, or could have been");
    }
  }

  #checkList({ list, key }, chain, links, request, now) {
    if (!list.isFresh(this.#freshness[EFFECTS[request.effect]], now)) {
      throw new Refused("stale", "the revocation list is not recent enough for this effect");
    }
    const tasks = chain.flatMap(({ caveats }) => fieldOf("Task", caveats));
    if (request.task !== "") tasks.push(request.task);
    const ids = [...links.map(chainId), ...chain.map(({ holder }) => keyIdOnList(holder)), ...tasks.map(taskId)];
    if (ids.some((id) => list.has(id)) || list.hasIssuer(keyIdOnList(key), chain[0].issuedAt)) {
      throw new Refused("revoked", "something the chain stands on is on the revocation list");
    }
  }

  /** What the verifier itself forbids. */
  #ownFailures(root, chain, now) {
    const failures = [];
    for (const [hop, { issuedAt }] of chain.entries()) {
      if (issuedAt > now + WINDOW) failures.push({ hop, kind: "issued_at" });
    }
    const { caveats, issuedAt } = chain[0];
    const lifetime = Math.min(...fieldOf("Expires", caveats)) - issuedAt;
    // Said the other way round, a limit that is no number would allow everything.
    const isShortEnough = lifetime <= (root.unrevocable ?? this.#maxLifetime);
    if (!isShortEnough) failures.push({ hop: 0, kind: "lifetime" });
    return failures;
  }

  #caveatFailures(chain, request, now) {
    return chain.flatMap(({ caveats }, hop) => {
      const situation = { now, audience: this.#audience, request, following: chain.length - 1 - hop };
      const forbidding = caveats.filter((caveat) => !holds(caveat, situation));
      return forbidding.map(({ name, fields }) => ({ hop, kind: name, wanted: fields }));
    });
  }

  /** Anything but `true`, and any failure of its own, is no. */
  #agrees(admitted, request) {
    if (this.#policy === undefined) return true;
    try {
      return this.#policy(admitted, request) === true;
    } catch {
      return false;
    }
  }
}
