/** A verifier's view of a revocation list (revocation.md). */
import { pack, unpack } from "./encoding.js";
import { array, ascends, bin, integer, list, such, text, time, tuple } from "./forms.js";
import { Ids } from "./ids.js";
import { HEAD, SNAPSHOT, isSigned, keyDigest, publicKey, sha256 } from "./keys.js";
import { Refused, malformed } from "./refused.js";

const MAX_UPDATE = 536870912;
const MAX_ENTRIES = 2 ** 20;
const MAX_IDS = 2 ** 24;
const MAX_ISSUERS = 1024;

/** How far the clocks of a publisher and a verifier may differ, in seconds. */
const SKEW = 60;

// 1. Ids

const ISSUER = 2n;
const short = (digest) => digest.subarray(0, 16);

export const chainId = short;
export const keyIdOnList = (key) => short(keyDigest(key));
export const taskId = (task) => short(sha256("chaincred/v1/task\0", task));

// 2. Entries

const count = time; // seq and from have the bounds of a time
const until = integer(0, 2 ** 32 - 1);
const reason = text(0, 200);
const killing = tuple(such((what) => [0n, 1n, 3n].includes(what), "kills nothing known"), bin(16), until, reason);
const killingIssuer = tuple(such((what) => what === ISSUER, "not an issuer"), bin(16), until, reason, time);

function entry(value) {
  const form = array(value)[0] === ISSUER ? killingIssuer : killing;
  const [what, id, until, , before] = form(value);
  return { what, id, until, before };
}

const firstHash = (listId) => sha256("chaincred/v1/log\0", listId);
const nextHash = (hash, packedEntry) => sha256("chaincred/v1/log\0", hash, packedEntry);

/** The running hash after each number of entries, from none on. */
export const placesOf = ({ listId, entries }) =>
  entries.reduce((hashes, packed) => [...hashes, nextHash(hashes.at(-1), packed)], [firstHash(listId)]);

// 3. Head

const signed = tuple(bin(), bin(64));
const headBody = tuple(bin(16), count, bin(32), time, time);

function readSigned(packed) {
  const [body, signature] = signed(unpack(packed));
  return { body, signature };
}

function readHead(body) {
  const [listId, seq, hash, issuedAt, freshUntil] = headBody(unpack(body));
  if (freshUntil <= issuedAt) throw malformed("a head that was never fresh");
  return { listId, seq, hash, issuedAt, freshUntil };
}

// 4. Snapshot

const issuer = tuple(bin(16), until, time);
const snapshotBody = tuple(bin(16), count, bin(32), time, list(issuer, 0, MAX_ISSUERS), bin(), bin());

function readSnapshot(body) {
  const [listId, seq, hash, takenAt, issuers, idBytes, untilBytes] = snapshotBody(unpack(body));
  if (!ascends(issuers.map(([id]) => id))) throw malformed("issuers do not ascend");
  if (idBytes.length % 16 !== 0 || idBytes.length / 16 > MAX_IDS) throw malformed("not ids");
  if (untilBytes.length !== idBytes.length / 4) throw malformed("not an until for each id");
  // Copies: the view must not depend on bytes that belong to whoever fetched them.
  const ids = new Ids(Buffer.from(idBytes), Buffer.from(untilBytes));
  if (!ids.ascend()) throw malformed("ids do not ascend");
  return {
    listId, seq, hash, takenAt, ids,
    issuers: issuers.map(([id, until, before]) => ({ id, until, before })),
  };
}

// 5. Updates

const updateForm = tuple(bin(), count, list(bin(), 0, MAX_ENTRIES), bin());
const floorForm = tuple(bin(16), count, bin(32), time);

function readUpdate(bytes) {
  if (!(bytes instanceof Uint8Array) || bytes.length > MAX_UPDATE) throw malformed("not an update, or too long");
  const [packedSnapshot, from, packedEntries, packedHead] = updateForm(unpack(bytes));
  const signedSnapshot = packedSnapshot.length === 0 ? null : readSigned(packedSnapshot);
  return { signedSnapshot, from, packedEntries, signedHead: readSigned(packedHead) };
}

/** What an update says, once it is known who signed it. */
function readContent({ signedSnapshot, from, packedEntries, signedHead }) {
  const head = readHead(signedHead.body);
  const snapshot = signedSnapshot === null ? null : readSnapshot(signedSnapshot.body);
  if (snapshot !== null && from !== snapshot.seq) throw malformed("entries that do not begin at the snapshot");
  const entries = packedEntries.map((packed) => ({ packed, ...entry(unpack(packed)) }));
  return { snapshot, entries, head };
}

/** The same with this document's code. */
function inList(read, value) {
  try {
    return read(value);
  } catch (error) {
    throw error instanceof Refused ? new Refused("list_malformed", error.message) : error;
  }
}

function readFloor(packed) {
  const [listId, seq, hash, issuedAt] = floorForm(unpack(packed));
  return { listId, seq, hash, issuedAt };
}

/** The issuers of both, each with its greatest `until` and `before`. */
function joinIssuers(issuers, entries) {
  const joined = new Map(issuers);
  for (const { id, until, before } of entries) {
    const key = id.toString("hex");
    const held = joined.get(key) ?? { until, before };
    joined.set(key, { until: Math.max(held.until, until), before: Math.max(held.before, before) });
  }
  return joined;
}

const coversIssuers = (issuers, held, now) =>
  [...held].every(([key, { until, before }]) => {
    const found = issuers.get(key);
    return until <= now || (found !== undefined && found.until >= until && found.before >= before);
  });

export class View {
  #keys;
  #listId;
  #keepFloor;
  #floor;
  #state;

  /**
   * @param keys every key that may sign for this list
   * @param floor the packed floor that was kept last, or null before there was one
   * @param keepFloor puts a packed floor on disk, and throws if it cannot
   */
  constructor({ keys, listId, floor = null, keepFloor = () => {} }) {
    this.#keys = keys.map(publicKey);
    this.#listId = bin(16)(listId);
    this.#keepFloor = keepFloor;
    const start = { seq: 0, hash: firstHash(this.#listId) };
    this.#floor = floor === null ? { ...start, listId: this.#listId, issuedAt: 0 } : readFloor(floor);
    if (!this.#floor.listId.equals(this.#listId)) throw new Refused("list_other", "the floor is of another list");
    this.#state = { ...start, head: null, ids: Ids.NONE, issuers: new Map() };
  }

  get seq() {
    return this.#state.seq;
  }

  get hash() {
    return this.#state.hash;
  }

  /** Takes an update, or refuses it and changes nothing (5). The steps and their order are the specification's. */
  update(bytes, now) {
    const held = this.#state;
    const floor = this.#floor;

    // 1. list_malformed
    const update = inList(readUpdate, bytes);
    const { signedSnapshot, signedHead, from } = update;

    // 2. list_untrusted
    if (!this.#hasSigned(HEAD, signedHead)) throw new Refused("list_untrusted", "the head is not signed by this list");
    if (signedSnapshot !== null && !this.#hasSigned(SNAPSHOT, signedSnapshot)) {
      throw new Refused("list_untrusted", "the snapshot is not signed by this list");
    }

    // 3. list_malformed
    const { snapshot, entries, head } = inList(readContent, update);

    // 4. list_other
    for (const part of [head, snapshot ?? head]) {
      if (!part.listId.equals(this.#listId)) throw new Refused("list_other", "an update of another list");
    }

    // 5. list_future
    if (Math.max(head.issuedAt, snapshot?.takenAt ?? 0) > now + SKEW) {
      throw new Refused("list_future", "a head or snapshot from the future");
    }

    // 6. list_rollback
    if (head.seq < floor.seq || head.issuedAt < floor.issuedAt) {
      throw new Refused("list_rollback", "older than what was seen");
    }
    if (snapshot !== null && head.issuedAt < snapshot.takenAt) {
      throw new Refused("list_rollback", "a head from before its snapshot");
    }

    // 7. list_gap
    if ((snapshot === null && from !== held.seq) || from + entries.length !== head.seq) {
      throw new Refused("list_gap", "entries do not join the view to the head");
    }

    // 8. list_forked
    const known = [held, floor];
    let at = { seq: from, hash: snapshot?.hash ?? held.hash };
    const isKnownPast = () => known.every(({ seq, hash }) => seq !== at.seq || hash.equals(at.hash));
    let isOnePast = isKnownPast();
    for (const { packed } of entries) {
      at = { seq: at.seq + 1, hash: nextHash(at.hash, packed) };
      isOnePast &&= isKnownPast();
    }
    if (!isOnePast || !at.hash.equals(head.hash)) throw new Refused("list_forked", "another past than the one seen");

    // 9. list_missing
    const base = snapshot === null ? held : { ids: snapshot.ids, issuers: joinIssuers([], snapshot.issuers) };
    const ids = base.ids.with(entries.filter(({ what }) => what !== ISSUER));
    const issuers = joinIssuers(base.issuers, entries.filter(({ what }) => what === ISSUER));
    if (snapshot !== null && !(ids.cover(held.ids, now) && coversIssuers(issuers, held.issuers, now))) {
      throw new Refused("list_missing", "an entry has gone or was shortened before its time");
    }

    // 10. list_stale
    if (head.freshUntil <= now) throw new Refused("list_stale", "not fresh any more");

    // 11. The floor first: after a crash in between, the view knows too little, never too old a list.
    const { listId, seq, hash, issuedAt } = head;
    this.#keepFloor(pack([listId, seq, hash, issuedAt]));
    this.#floor = { listId, seq, hash, issuedAt };
    this.#state = { seq, hash, head, ids, issuers };
  }

  #hasSigned(context, { body, signature }) {
    return this.#keys.some((key) => isSigned(key, context, sha256(body), signature));
  }

  /** Whether the list answers at `now` for an effect whose limit is `limit` seconds (6). */
  isFresh(limit, now) {
    const { head } = this.#state;
    if (head === null) return false;
    return head.issuedAt - SKEW <= now && now < head.freshUntil && now - head.issuedAt <= limit;
  }

  /** The number of the list and its age at `now`. */
  standing(now) {
    return { seq: this.#state.seq, age: now - this.#state.head.issuedAt };
  }

  /** Whether a chain, holder or task is on the list, by its id. */
  has(id) {
    return this.#state.ids.has(id);
  }

  /** Whether a root key is on the list for a block 0 of this time; without a time: for any. */
  hasIssuer(id, issuedAt = -1) {
    const found = this.#state.issuers.get(id.toString("hex"));
    return found !== undefined && issuedAt < found.before;
  }
}
