/**
 * What a decoded value must be (token.md 1.2 and the bytes shown in every section).
 *
 * A **form** is a function that takes a decoded value and returns what it stands for,
 * or refuses with `malformed`. Forms are put together as the specification writes its
 * bytes, so `[audience, issued_at, nonce:16, signature:64]` is
 * `tuple(text(1, 256), time, bin(16), bin(64))`.
 */
import { malformed } from "./refused.js";

/** Control characters, and those that reorder or hide what a person reads. */
const FORBIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/u;

/**
 * The longest text that is looked at (6.4), in bytes. Normalizing takes time that grows with
 * the square of a run of combining marks, so the length comes first.
 */
const LONGEST = 8192;

/** Whether a value is a text of section 1.2, of any length up to the longest. */
export function isText(value) {
  if (typeof value !== "string" || Buffer.byteLength(value) > LONGEST) return false;
  if (!value.isWellFormed() || FORBIDDEN.test(value)) return false;
  return value.normalize("NFC") === value;
}

/** A form from a condition. */
export const such = (condition, fact) => (value) => {
  if (!condition(value)) throw malformed(fact);
  return value;
};

const hasBytes = (str, least, most) => {
  const size = Buffer.byteLength(str);
  return size >= least && size <= most;
};

export const text = (least, most) =>
  such(
    (value) => typeof value === "string" && hasBytes(value, least, most) && isText(value),
    `not a text of ${least} to ${most} bytes`,
  );

/** A str of at most `most` bytes for which `condition` holds: a name, a pattern. */
export const str = (condition, most) =>
  such(
    (value) => typeof value === "string" && hasBytes(value, 0, most) && condition(value),
    "not in normal form, or too long",
  );

/** An integer of 1.1 within bounds that a `number` holds exactly. */
export const integer = (least, most) => (value) => {
  if (typeof value === "bigint" && value >= least && value <= most) return Number(value);
  throw malformed(`not an integer from ${least} to ${most}`);
};

export const time = integer(0, 2 ** 53 - 1);

export const is = (constant) => integer(constant, constant);

export const bool = such((value) => typeof value === "boolean", "not a bool");

/** A bin of one of these sizes, or of any size if none is named. */
export const bin = (...sizes) =>
  such(
    (value) => value instanceof Uint8Array && (sizes.length === 0 || sizes.includes(value.length)),
    `not a bin of ${sizes.join(" or ") || "any number of"} bytes`,
  );

export const array = such(Array.isArray, "not an array");

export const list = (form, least, most) => (value) => {
  const { length } = array(value);
  if (length < least || length > most) throw malformed(`${length} elements where ${least} to ${most} are allowed`);
  return value.map((element) => form(element));
};

/** At least one element, each once, in ascending order of the bytes that `bytesOf` gives (6.2). */
export const ascending = (form, bytesOf = (element) => Buffer.from(element)) => (value) => {
  const elements = list(form, 1, Infinity)(value);
  if (!ascends(elements.map((element) => bytesOf(element)))) throw malformed("a list does not ascend");
  return elements;
};

export const ascends = (keys) => keys.every((key, i) => i === 0 || Buffer.compare(keys[i - 1], key) < 0);

export const tuple = (...forms) => (value) => {
  if (array(value).length !== forms.length) throw malformed(`${value.length} elements where ${forms.length} belong`);
  return forms.map((form, i) => form(value[i]));
};
