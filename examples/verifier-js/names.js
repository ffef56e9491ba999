/**
 * Names, patterns and hosts (token.md 7).
 *
 * Nothing is repaired: two spellings of one thing would be two answers to one question.
 */
import { isText } from "./forms.js";

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//;

/** What `%` may not stand for: what is written as itself, or must not occur at all. */
const NEVER_ESCAPED = /[A-Za-z0-9\-._~/\\*\x00-\x1f\x7f]/;

/** The scheme with its `://`, or "", and then the segments. */
function split(name) {
  const scheme = SCHEME.exec(name)?.[0] ?? "";
  return [scheme, ...name.slice(scheme.length).split("/")];
}

function hasGoodEscapes(segment) {
  return [...segment.matchAll(/%([0-9A-F]{2})?/g)].every(
    ([, hex]) => hex !== undefined && !NEVER_ESCAPED.test(String.fromCharCode(parseInt(hex, 16))),
  );
}

/** Whether a segment stands for itself. An empty one may, if it is the first of several. */
function isPlain(segment, i, segments) {
  if (segment === "") return i === 0 && segments.length > 1;
  return segment !== "." && segment !== ".." && !/[\\*]/.test(segment) && hasGoodEscapes(segment);
}

/** Whether a value is a name in normal form (7.1). */
export function isName(value) {
  return isText(value) && split(value).slice(1).every(isPlain);
}

/** Whether a value is a pattern (7.2). */
export function isPattern(value) {
  const isGood = (segment, i, all) =>
    segment === "*" || (segment === "**" && i === all.length - 1) || isPlain(segment, i, all);
  return isText(value) && split(value).slice(1).every(isGood);
}

/** Whether a pattern matches a name; both are in form. The scheme is compared as a part of its own. */
export function matches(pattern, name) {
  const wanted = split(pattern);
  const given = split(name);
  const open = wanted.at(-1) === "**";
  if (open ? given.length < wanted.length : given.length !== wanted.length) return false;
  return given.every((part, i) => {
    const want = wanted[Math.min(i, wanted.length - 1)];
    return i > 0 && (want === "*" || want === "**") ? part !== "" : part === want;
  });
}

/** Whether a name is `path` or lies below it (6.4). */
export function isBelow(path, name) {
  const given = split(name);
  return split(path).every((part, i) => part === given[i]);
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Whether a value may stand in a list of hosts (7.3): a name, possibly below `*.`, and possibly a port. */
export function isListedHost(value) {
  const [, name, port = "1"] = (typeof value === "string" && /^([^:]*)(?::([1-9][0-9]{0,4}))?$/.exec(value)) || [];
  if (name === undefined || name.length > 253 || Number(port) > 65535) return false;
  return name.replace(/^\*\./, "").split(".").every((label) => LABEL.test(label));
}

const isHost = (value) => isListedHost(value) && !value.startsWith("*");

/** Whether a value is an http or https URL whose host is listed. */
export function isUrlOfHost(hosts, value) {
  if (!isText(value) || /[\\ ]/.test(value)) return false;
  const host = /^https?:\/\/([^/?#]*)/.exec(value)?.[1];
  if (host === undefined || !isHost(host)) return false;
  // `*.` stands for exactly one label: the first one.
  const wildcard = host.replace(/^[^.]*\./, "*.");
  return hosts.some((listed) => listed === host || listed === wildcard);
}
