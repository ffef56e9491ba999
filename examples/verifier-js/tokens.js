/** Tokens, bearer tokens, presentations and requests: bytes to values (token.md 3, 4, 5). */
import { caveat } from "./caveats.js";
import { fromText, pack, unpack } from "./encoding.js";
import { bin, integer, is, list, str, such, text, time, tuple } from "./forms.js";
import { publicKey, publicKeyOf, sha256 } from "./keys.js";
import { isName } from "./names.js";
import { malformed } from "./refused.js";

const MAX_TOKEN = 8192;
const MAX_ELEMENTS = 256;
const MAX_BLOCKS = 16;
const MAX_CAVEATS = 32;
const MAX_PRESENTATION = 9216;
const MAX_BEARER = 8256;
const MAX_REQUEST = 1048576;

export const EFFECTS = ["read", "write", "irreversible"];

const caveats = list(caveat, 0, MAX_CAVEATS);
const agent = text(1, 128);
const purpose = text(0, 256);

const rootBody = tuple(is(0), is(1), publicKey, bin(16), time, publicKey, agent, purpose, caveats);
const hopBody = tuple(is(1), time, publicKey, agent, purpose, caveats);
const blocks = list(tuple(bin(), bin(64)), 1, MAX_BLOCKS);

/** Form of a token: its blocks, the first a root and each other a hop. */
function token(value) {
  const [root, ...hops] = blocks(value).map(([body, signature], i) => ({
    body,
    signature,
    ...(i === 0 ? readRoot(body) : readHop(body)),
  }));
  if (!root.caveats.some(({ name }) => name === "Expires")) throw malformed("block 0 does not expire");
  // The limit is on the token alone, also where it travels inside something larger.
  pack(value, MAX_TOKEN);
  return [root, ...hops];
}

/** A body (1.4): no array in it is long, also none in a caveat whose kind is not known. */
function unpackBody(packed) {
  const body = unpack(packed);
  const isShort = (value) => !Array.isArray(value) || (value.length <= MAX_ELEMENTS && value.every(isShort));
  if (!isShort(body)) throw malformed(`an array of more than ${MAX_ELEMENTS} elements`);
  return body;
}

function readRoot(body) {
  const [, , issuer, , issuedAt, holder, agent, purpose, caveats] = rootBody(unpackBody(body));
  return { issuer, issuedAt, holder, agent, purpose, caveats };
}

function readHop(body) {
  const [, issuedAt, holder, agent, purpose, caveats] = hopBody(unpackBody(body));
  return { issuedAt, holder, agent, purpose, caveats };
}

/** The links of a chain (3.2). They are recomputed, never carried. */
export function linksOf(chain) {
  const links = [];
  for (const { body } of chain) links.push(sha256("chaincred/v1/link\0", links.at(-1) ?? chain[0].issuer, body));
  return links;
}

const proof = tuple(text(1, 256), time, bin(16), bin(64));
const presentation = tuple(token, proof, list(never, 0, 0));
const bearer = tuple(token, bin(32));

function never() {
  throw malformed("discharges are not built");
}

export const readToken = (text) => token(unpack(fromText("cc1_", text, MAX_TOKEN)));

/** A presentation: its chain and its proof. */
export function readPresentation(text) {
  const [chain, [audience, issuedAt, nonce, signature]] = presentation(
    unpack(fromText("cc1p_", text, MAX_PRESENTATION)),
  );
  return { chain, proof: { audience, issuedAt, nonce, signature } };
}

/** A bearer token (3.3): whoever hands it over must hand over the right key with it. */
export function readBearer(text) {
  const [chain, seed] = bearer(unpack(fromText("cc1s_", text, MAX_BEARER)));
  if (!publicKeyOf(seed).equals(chain.at(-1).holder)) throw malformed("the seed is not the last holder's");
  return { chain, seed };
}

const request = tuple(
  str(isName, 256),
  such((value) => value === "" || str(isName, 1024)(value) === value, "not a resource"),
  integer(0, 2),
  such((value) => value instanceof Map, "not a map"),
  text(0, 128),
  bin(0, 32),
);

/**
 * What a verifier is about to do, packed (4), and read back: what is judged is what was
 * signed. `asked.args` is a Map of values of section 1.1, `asked.effect` a word.
 */
export function readRequest(asked) {
  const { tool, resource, effect, args, task, context } = Object(asked);
  const packed = pack([tool, resource, EFFECTS.indexOf(effect), args, task, context], MAX_REQUEST);
  const fields = request(unpack(packed, { inArguments: true }));
  return { packed, tool, resource, effect: fields[2], args: fields[3], task, context: fields[5] };
}

/** What a proof signs (5): `pack([link, audience, issued_at, nonce, request])`, hashed. */
export function proofDigest(link, { audience, issuedAt, nonce }, packedRequest) {
  // The request's depth counts from its own array (1.1), so it is joined here and not nested.
  const arrayOf5 = Buffer.of(0x95);
  return sha256(arrayOf5, pack(link), pack(audience), pack(issuedAt), pack(nonce), packedRequest);
}
