/**
 * Values and their text forms (token.md 1.1, 1.3).
 *
 * In memory no two types of section 1.1 look alike:
 *
 *     int    bigint        bool  boolean      array  Array
 *     float  number        nil   null         map    Map
 *     str    string        bin   Buffer
 *
 * The decoder is written out rather than borrowed. It reads bytes that anyone may
 * send: it refuses a second spelling where it meets it, and allocates nothing
 * that a header merely announces.
 */
import { malformed } from "./refused.js";

const MAX_DEPTH = 16;

/** No value within section 1.4 or revocation.md 5 holds more: 2^20 entries and what is around them. */
const MAX_VALUES = 2 ** 20 + 16;

const MAX_WHOLE_FLOAT = 2 ** 53;
const INT_LOW = -(2n ** 63n);
const INT_HIGH = 2n ** 64n - 1n;

/** `ignoreBOM` keeps a leading U+FEFF in the string: dropping it would be a second spelling. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const isWhole = (float) => Number.isInteger(float) && Math.abs(float) <= MAX_WHOLE_FLOAT;

/** The packed bytes of a value, at most `limit` of them. A whole `number` is an int. */
export function pack(value, limit = Infinity) {
  const parts = [];
  let size = 0;
  const put = (part) => {
    size += part.length;
    if (size > limit) throw malformed(`more than ${limit} bytes`);
    parts.push(part);
  };
  write(value, 1, put);
  return Buffer.concat(parts);
}

/** The value of packed bytes. Map, float and nil are allowed only `inArguments`. */
export function unpack(bytes, { inArguments = false } = {}) {
  return new Reader(bytes, inArguments).whole();
}

/** The bytes in a text form such as `cc1_…`; at most `limit` of them. */
export function fromText(prefix, text, limit) {
  if (typeof text !== "string" || !text.startsWith(prefix)) throw malformed(`not a ${prefix} text`);
  const body = text.slice(prefix.length);
  if (body.length > Math.ceil((limit * 4) / 3)) throw malformed(`more than ${limit} bytes`);
  const bytes = Buffer.from(body, "base64url");
  // Node reads base64url leniently. Only the one right spelling comes back as it went in.
  if (bytes.toString("base64url") !== body) throw malformed("not base64url without padding");
  return bytes;
}

export const toText = (prefix, bytes) => prefix + bytes.toString("base64url");

class Reader {
  #bytes;
  #at = 0;
  #values = 0;
  #inArguments;

  constructor(bytes, inArguments) {
    if (!(bytes instanceof Uint8Array)) throw malformed("not bytes");
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#inArguments = inArguments;
  }

  whole() {
    const value = this.#value(1);
    if (this.#at !== this.#bytes.length) throw malformed("bytes left over");
    return value;
  }

  #value(depth) {
    this.#values += 1;
    if (this.#values > MAX_VALUES) throw malformed("too many values");
    const head = this.#take(1)[0];
    if (head <= 0x7f) return BigInt(head);
    if (head <= 0x8f) return this.#map(head & 0x0f, depth);
    if (head <= 0x9f) return this.#array(head & 0x0f, depth);
    if (head <= 0xbf) return this.#str(head & 0x1f);
    if (head >= 0xe0) return BigInt(head - 0x100);
    // The second argument is the first value for which no shorter header exists.
    switch (head) {
      case 0xc0: return this.#onlyInArguments(null);
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: return this.#take(this.#size(1, 0));
      case 0xc5: return this.#take(this.#size(2, 0x100));
      case 0xc6: return this.#take(this.#size(4, 0x10000));
      case 0xcb: return this.#float();
      case 0xcc: return this.#unsigned(1, 0x80n);
      case 0xcd: return this.#unsigned(2, 0x100n);
      case 0xce: return this.#unsigned(4, 0x10000n);
      case 0xcf: return this.#unsigned(8, 0x100000000n);
      case 0xd0: return this.#negative(1, -0x21n);
      case 0xd1: return this.#negative(2, -0x81n);
      case 0xd2: return this.#negative(4, -0x8001n);
      case 0xd3: return this.#negative(8, -0x80000001n);
      case 0xd9: return this.#str(this.#size(1, 0x20));
      case 0xda: return this.#str(this.#size(2, 0x100));
      case 0xdb: return this.#str(this.#size(4, 0x10000));
      case 0xdc: return this.#array(this.#size(2, 0x10), depth);
      case 0xdd: return this.#array(this.#size(4, 0x10000), depth);
      case 0xde: return this.#map(this.#size(2, 0x10), depth);
      case 0xdf: return this.#map(this.#size(4, 0x10000), depth);
    }
    throw malformed("an extension, a 32-bit float or no MessagePack");
  }

  #take(count) {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw malformed("bytes end too early");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #size(width, least) {
    const size = this.#take(width).readUIntBE(0, width);
    if (size < least) throw malformed("a header is not in the shortest form");
    return size;
  }

  #unsigned(width, least) {
    const int = BigInt(`0x${this.#take(width).toString("hex")}`);
    if (int < least) throw malformed("an integer is not in the shortest form");
    return int;
  }

  #negative(width, most) {
    const int = BigInt.asIntN(8 * width, BigInt(`0x${this.#take(width).toString("hex")}`));
    if (int > most) throw malformed("an integer is not in the shortest form");
    return int;
  }

  #onlyInArguments(value) {
    if (!this.#inArguments) throw malformed("map, float and nil stand only in arguments");
    return value;
  }

  #float() {
    const float = this.#onlyInArguments(this.#take(8).readDoubleBE());
    if (!Number.isFinite(float) || isWhole(float)) throw malformed("a float that is not finite, or an integer");
    return float;
  }

  #str(size) {
    try {
      return UTF8.decode(this.#take(size));
    } catch (error) {
      if (error instanceof TypeError) throw malformed("a str is not UTF-8");
      throw error;
    }
  }

  #array(size, depth) {
    if (depth > MAX_DEPTH) throw malformed("nested too deep");
    const array = [];
    for (let i = 0; i < size; i += 1) array.push(this.#value(depth + 1));
    return array;
  }

  #map(size, depth) {
    if (depth > MAX_DEPTH) throw malformed("nested too deep");
    const map = this.#onlyInArguments(new Map());
    let last = null;
    for (let i = 0; i < size; i += 1) {
      const key = this.#value(depth + 1);
      if (typeof key !== "string") throw malformed("a map key is not a str");
      const bytes = Buffer.from(key);
      if (last !== null && Buffer.compare(last, bytes) >= 0) throw malformed("map keys do not ascend");
      map.set(key, this.#value(depth + 1));
      last = bytes;
    }
    return map;
  }
}

function write(value, depth, put) {
  if (value === null) return put(Buffer.of(0xc0));
  if (typeof value === "boolean") return put(Buffer.of(value ? 0xc3 : 0xc2));
  if (typeof value === "bigint") return put(int(value));
  if (typeof value === "number") return put(isWhole(value) ? int(BigInt(value)) : float(value));
  if (typeof value === "string") return writeStr(value, put);
  if (value instanceof Uint8Array) {
    put(header(value.length, null, [0xc4, 0xc5, 0xc6]));
    return put(value);
  }
  if (depth > MAX_DEPTH) throw malformed("nested too deep");
  if (Array.isArray(value)) {
    put(header(value.length, [0x90, 15], [null, 0xdc, 0xdd]));
    for (const element of value) write(element, depth + 1, put);
    return undefined;
  }
  if (value instanceof Map) return writeMap(value, depth, put);
  throw malformed("a value of no type of section 1.1");
}

function writeStr(str, put) {
  // Buffer.from would write a lone surrogate as U+FFFD: another string.
  if (typeof str !== "string" || !str.isWellFormed()) throw malformed("a str is not UTF-8");
  const bytes = Buffer.from(str);
  put(header(bytes.length, [0xa0, 31], [0xd9, 0xda, 0xdb]));
  put(bytes);
}

function writeMap(map, depth, put) {
  put(header(map.size, [0x80, 15], [null, 0xde, 0xdf]));
  // JavaScript orders strings by UTF-16 units, which is another order than that of their bytes.
  const keys = [...map.keys()].sort((a, b) => Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b))));
  for (const key of keys) {
    writeStr(key, put);
    write(map.get(key), depth + 1, put);
  }
}

function int(value) {
  if (value < INT_LOW || value > INT_HIGH) throw malformed("an integer beyond 64 bits");
  if (value >= 0n) {
    if (value < 0x80n) return Buffer.of(Number(value));
    if (value < 0x100n) return tagged(0xcc, 1, value);
    if (value < 0x10000n) return tagged(0xcd, 2, value);
    return value < 0x100000000n ? tagged(0xce, 4, value) : tagged(0xcf, 8, value);
  }
  if (value >= -0x20n) return tagged(null, 1, value);
  if (value >= -0x80n) return tagged(0xd0, 1, value);
  if (value >= -0x8000n) return tagged(0xd1, 2, value);
  return value >= -0x80000000n ? tagged(0xd2, 4, value) : tagged(0xd3, 8, value);
}

function float(value) {
  if (!Number.isFinite(value)) throw malformed("a float is not finite");
  const bytes = Buffer.alloc(9, 0xcb);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

/** The shortest header: in one byte up to `fix[1]`, else with a size of 1, 2 or 4 bytes. */
function header(size, fix, [tag8, tag16, tag32]) {
  if (fix !== null && size <= fix[1]) return Buffer.of(fix[0] | size);
  if (tag8 !== null && size < 0x100) return tagged(tag8, 1, BigInt(size));
  if (size < 0x10000) return tagged(tag16, 2, BigInt(size));
  if (size < 0x100000000) return tagged(tag32, 4, BigInt(size));
  throw malformed("longer than MessagePack can say");
}

/** A tag, then an integer in two's complement of `width` bytes, most significant first. */
function tagged(tag, width, value) {
  const digits = BigInt.asUintN(8 * width, value).toString(16).padStart(2 * width, "0");
  const bytes = Buffer.from(digits, "hex");
  return tag === null ? bytes : Buffer.concat([Buffer.of(tag), bytes]);
}
