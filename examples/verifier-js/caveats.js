/**
 * Caveats (token.md 6): conditions that can only forbid.
 *
 * A row of a table says what the fields of a kind must be, and when it does *not* forbid.
 * A kind outside the table is read and shown, and forbids.
 */
import { pack } from "./encoding.js";
import { array, ascending, ascends, bin, bool, integer, list, str, such, text, time, tuple } from "./forms.js";
import { publicKey } from "./keys.js";
import { isBelow, isListedHost, isName, isPattern, isUrlOfHost, matches } from "./names.js";
import { malformed } from "./refused.js";

const anyInt = such((value) => typeof value === "bigint", "not an integer");
const scalar = such(
  (value) => ["bigint", "string", "boolean"].includes(typeof value) || value instanceof Uint8Array,
  "not an int, str, bool or bin",
);
const patterns = (most) => ascending(str(isPattern, most));

const isEqual = (a, b) => (a instanceof Uint8Array && b instanceof Uint8Array ? a.equals(b) : a === b);
const isNumber = (value) => typeof value === "bigint" || typeof value === "number";

/** A row: what the fields must be, one by one and (`whole`) together, and the condition itself. */
const row = (name, fields, condition, whole = () => true) => ({ name, fields, condition, whole });
const never = () => false;

/** Constraints by number (6.4); the condition takes the argument given and the fields. */
const CONSTRAINTS = [
  row("exact", [scalar], isEqual),
  row("one of", [ascending(scalar, pack)], (given, values) => values.some((value) => isEqual(given, value))),
  row(
    "range",
    [list(anyInt, 0, 1), list(anyInt, 0, 1)],
    // Between a bigint and a number JavaScript compares the exact values.
    (given, low, high) => isNumber(given) && low.every((end) => end <= given) && high.every((end) => given <= end),
    (low, high) => low.length + high.length > 0 && !(low[0] > high[0]),
  ),
  row("pattern", [str(isPattern, 1024)], (given, pattern) => isName(given) && matches(pattern, given)),
  row("path below", [str(isName, 1024)], (given, path) => isName(given) && isBelow(path, given)),
  row("host", [ascending(such(isListedHost, "not a host"))], (given, hosts) => isUrlOfHost(hosts, given)),
];

/** Kinds by number (6.2); the condition takes `{now, audience, request, following}` and the fields. */
const KINDS = [
  row("Expires", [time], ({ now }, at) => now < at),
  row("NotBefore", [time], ({ now }, at) => now >= at),
  row("Tools", [patterns(256)], ({ request }, tools) => tools.some((pattern) => matches(pattern, request.tool))),
  row("Resources", [patterns(1024)], ({ request: { resource } }, allowed) =>
    resource !== "" && allowed.some((pattern) => matches(pattern, resource))),
  row("MaxEffect", [integer(0, 2)], ({ request }, effect) => request.effect <= effect),
  row("MaxHops", [integer(0, 15)], ({ following }, n) => following <= n),
  row("Audience", [ascending(text(1, 256))], ({ audience }, names) => names.includes(audience)),
  row("Task", [text(1, 128)], ({ request }, id) => request.task === id),
  row("Context", [bin(32)], ({ request }, digest) => isEqual(request.context, digest)),
  row(
    "Args",
    [entries, bool],
    ({ request }, listed, closed) => argsHold(request.args, listed, closed),
    (listed, closed) => listed.length > 0 || closed,
  ),
  // Not built: their form is checked, so that they can be read and shown, and they forbid.
  row("MaxUses", [integer(1, 2 ** 32 - 1)], never),
  row("Budget", [text(1, 32), integer(1, 2 ** 53 - 1)], never),
  row(
    "ThirdParty",
    [ascending(publicKey), integer(1, Infinity), text(1, 64), integer(0, 2), integer(1, 2 ** 32 - 1)],
    never,
    (keys, threshold) => threshold <= keys.length,
  ),
];

/** Form of a caveat: `{kind, name, fields}`. */
export function caveat(value) {
  const [number, ...fields] = array(value);
  const kind = integer(0, 255)(number);
  const known = KINDS[kind];
  if (known === undefined) return { kind, name: "Unknown", fields };
  return { kind, name: known.name, fields: read(known, fields) };
}

/** Whether a caveat does not forbid. */
export function holds({ kind, fields }, situation) {
  return KINDS[kind] !== undefined && KINDS[kind].condition(situation, ...fields) === true;
}

function read({ name, fields: forms, whole }, values) {
  const fields = tuple(...forms)(values);
  if (!whole(...fields)) throw malformed(`${name} with fields that do not go together`);
  return fields;
}

/** The list of `Args` (6.4): `[name, required, constraint]`, in ascending order of name. */
function entries(value) {
  const listed = list(tuple(text(1, 128), bool, constraint), 0, Infinity)(value);
  if (!ascends(listed.map(([name]) => Buffer.from(name)))) throw malformed("arguments do not ascend");
  return listed;
}

function constraint(value) {
  const [number, ...fields] = array(value);
  const found = CONSTRAINTS[integer(0, CONSTRAINTS.length - 1)(number)];
  return { name: found.name, fields: read(found, fields), allows: found.condition };
}

function argsHold(args, listed, closed) {
  const names = new Set(listed.map(([name]) => name));
  if (closed && [...args.keys()].some((name) => !names.has(name))) return false;
  return listed.every(([name, required, { allows, fields }]) =>
    args.has(name) ? allows(args.get(name), ...fields) : !required,
  );
}
