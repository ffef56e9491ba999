/** Exports of an audit log, checked offline (service.md 9.2, 9.3). */
import { fromText, unpack } from "./encoding.js";
import { bin, time, tuple } from "./forms.js";
import { AUDIT, isSigned, publicKey, sha256 } from "./keys.js";
import { Refused, malformed } from "./refused.js";

const signed = tuple(bin(), bin(64));
const headBody = tuple(bin(16), time, bin(32), time);

const changed = (message) => new Refused("audit", message);
const firstHash = (listId) => sha256("chaincred/v1/audit\0", listId);
const nextHash = (hash, line) => sha256("chaincred/v1/audit\0", hash, line);

function object(line) {
  let value;
  try {
    value = JSON.parse(line);
  } catch {
    throw malformed("a line that is not JSON");
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw malformed("not an object");
  return value;
}

function digits(text, size) {
  if (typeof text !== "string" || !/^[0-9a-f]*$/.test(text) || text.length !== 2 * size) throw malformed("not a hash");
  return Buffer.from(text, "hex");
}

function readFirst(line) {
  const { chaincred_audit: version, list_id: listId, after, hash, head } = object(line);
  if (version !== 1 || !Number.isSafeInteger(after) || after < 0) throw malformed("not an export's first line");
  return { listId: digits(listId, 16), after, hash: digits(hash, 32), head: fromText("", head, 256) };
}

function readHead(bytes, keys) {
  const [body, signature] = signed(unpack(bytes));
  if (!keys.some((key) => isSigned(key, AUDIT, sha256(body), signature))) throw changed("not signed by this list");
  const [listId, n, hash, at] = headBody(unpack(body));
  return { listId, n, hash, at };
}

/** The numbers of the first and last record and the head's time, if nothing was changed; or `Refused`. */
export function check(lines, listKeys) {
  const keys = listKeys.map(publicKey);
  const [line = "", ...records] = lines;
  const first = readFirst(line);
  const head = readHead(first.head, keys);
  if (!first.listId.equals(head.listId)) throw changed("the head of another list");
  if (first.after === 0 && !first.hash.equals(firstHash(head.listId))) throw changed("not where a log begins");
  let { after: n, hash } = first;
  for (const record of records) {
    n += 1;
    if (object(record).n !== n) throw changed(`record ${n} is not where it belongs`);
    hash = nextHash(hash, record);
  }
  if (n !== head.n || !hash.equals(head.hash)) throw changed("the records do not lead to the head");
  return { first: first.after + 1, last: n, at: head.at };
}
