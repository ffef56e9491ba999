/**
 * The one error of this verifier. `code` is a code of token.md or revocation.md;
 * the message states the fact, for a log. Hostile input raises this or nothing.
 */
export class Refused extends Error {
  /** @param failures with code `caveat`: everything that forbids, as `{hop, kind}`. */
  constructor(code, message, failures = []) {
    super(message);
    this.name = "Refused";
    this.code = code;
    this.failures = failures;
  }
}

export const malformed = (message) => new Refused("malformed", message);
