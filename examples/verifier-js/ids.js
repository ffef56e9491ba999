/**
 * The ids on a revocation list with how long each must stay there (revocation.md 4).
 *
 * Two buffers, as in a snapshot: 2^24 ids are more than a JavaScript Map holds.
 * Never changed: adding returns new ones, so a refused update has changed nothing.
 */
export class Ids {
  static NONE = new Ids(Buffer.alloc(0), Buffer.alloc(0));

  #ids;
  #untils;

  /** `ids` ascend, each once; `untils` has a big-endian unsigned 32-bit integer for each. */
  constructor(ids, untils) {
    this.#ids = ids;
    this.#untils = untils;
  }

  get size() {
    return this.#untils.length / 4;
  }

  id(i) {
    return this.#ids.subarray(16 * i, 16 * i + 16);
  }

  until(i) {
    return this.#untils.readUInt32BE(4 * i);
  }

  ascend() {
    for (let i = 1; i < this.size; i += 1) if (Buffer.compare(this.id(i - 1), this.id(i)) >= 0) return false;
    return true;
  }

  has(id) {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = Buffer.compare(this.id(middle), id);
      if (order === 0) return true;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return false;
  }

  /** These and the ids of entries, each with its greatest `until`. */
  with(entries) {
    if (entries.length === 0) return this;
    const added = entries.toSorted((a, b) => Buffer.compare(a.id, b.id));
    const ids = Buffer.alloc(16 * (this.size + added.length));
    const untils = Buffer.alloc(4 * (this.size + added.length));
    let size = 0;
    const put = (id, until) => {
      const isKnown = size > 0 && id.equals(ids.subarray(16 * size - 16, 16 * size));
      if (!isKnown) size += 1;
      id.copy(ids, 16 * size - 16);
      untils.writeUInt32BE(Math.max(until, untils.readUInt32BE(4 * size - 4)), 4 * size - 4);
    };
    let i = 0;
    for (const { id, until } of added) {
      for (; i < this.size && Buffer.compare(this.id(i), id) <= 0; i += 1) put(this.id(i), this.until(i));
      put(id, until);
    }
    for (; i < this.size; i += 1) put(this.id(i), this.until(i));
    return new Ids(ids.subarray(0, 16 * size), untils.subarray(0, 4 * size));
  }

  /** Whether everything that `held` must still hold at `now` is here, for no shorter (5, step 8). */
  cover(held, now) {
    let i = 0;
    for (let h = 0; h < held.size; h += 1) {
      if (held.until(h) <= now) continue;
      while (i < this.size && Buffer.compare(this.id(i), held.id(h)) < 0) i += 1;
      if (i === this.size || !this.id(i).equals(held.id(h)) || this.until(i) < held.until(h)) return false;
    }
    return true;
  }
}
