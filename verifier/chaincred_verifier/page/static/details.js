// The panel that tells all of one block.

import { state } from "./family.js";
import * as times from "./times.js";

const panel = document.getElementById("details");
const template = document.getElementById("details-of");

export function show(node, family, { select, revoke }) {
  const made = template.content.cloneNode(true);
  const is = (name) => made.querySelector(`[data-is="${name}"]`);
  const tell = (name, text) => (is(name).textContent = text);
  const said = state(node);

  tell("agent", node.agent);
  tell("state", said);
  is("state").classList.add(said);
  tell("purpose", node.purpose || "no purpose was given");
  if (said === "alive") {
    times.put(is("left"), node.expires_at, "counting");
    is("death").remove();
  } else {
    is("left-row").remove();
    is("revoke").classList.remove("danger");
    death(is("death"), node, said);
  }
  tell("expires", times.moment(node.expires_at));
  moment(is("issued"), node.issued_at);
  moment(is("used"), node.last_used);
  moment(is("seen"), node.first_seen);
  tell("uses", node.uses);
  tell("refused", node.refused);
  delegator(is("delegator"), node, family, select);
  is("close").addEventListener("click", close);
  tell("link", node.link);
  tell("holder", node.holder);
  is("others").href = `/page/trees?${new URLSearchParams({ agent: node.agent })}`;
  is("revoke").addEventListener("click", () => revoke(node));
  caveats(is("caveats"), node);
  above(is("above"), family.path(node).slice(1));

  const wasOpen = panel.querySelector("details")?.open;
  if (wasOpen && made.querySelector("details")) made.querySelector("details").open = true;
  panel.replaceChildren(made);
}

// On a narrow screen the panel lies over the tree, and comes when it is asked for.
export function come() {
  panel.classList.add("open");
}

export function close() {
  panel.classList.remove("open");
}

export function focus() {
  panel.querySelector('[data-is="revoke"]')?.focus();
}

export function holdsFocus() {
  return panel.contains(document.activeElement);
}

function moment(place, at) {
  if (at === null) {
    place.textContent = "never";
    return;
  }
  const exact = document.createElement("span");
  exact.textContent = times.moment(at);
  const about = document.createElement("span");
  about.className = "small";
  place.append(exact, " ", times.put(about, at, "ago"));
}

function death(place, node, said) {
  if (said === "expired") {
    place.append("Expired.");
    return;
  }
  const { number, what, reason, made_at } = node.revoked;
  const link = document.createElement("a");
  link.href = `/page/revocations/${number}`;
  link.textContent = `No ${number}`;
  place.append("Revoked by ", link);
  // An entry that has left the list has only its number left.
  if (made_at !== null) place.append(` (${what}), ${times.moment(made_at)}`);
  if (reason) {
    const said = document.createElement("bdi");
    said.textContent = reason;
    place.append(": ", said);
  }
}

function delegator(place, node, family, select) {
  const parent = family.get(node.parent);
  if (!parent) {
    const key = document.createElement("span");
    key.className = "mono whole";
    key.textContent = node.delegator;
    place.append("the issuer, ", key);
    return;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link";
  const name = document.createElement("bdi");
  name.textContent = parent.agent;
  button.append(name);
  button.addEventListener("click", () => select(parent.link));
  place.append(button);
}

function caveats(list, node) {
  if (!node.words.length) {
    const none = document.createElement("dd");
    none.className = "none";
    none.textContent = "none: whatever the block before it may do";
    list.append(none);
  }
  for (const [kind, words] of node.words) {
    const row = document.createElement("div");
    const term = document.createElement("dt");
    const said = document.createElement("dd");
    term.textContent = kind;
    said.textContent = words;
    said.dir = "auto";
    row.append(term, said);
    list.append(row);
  }
}

function above(place, path) {
  const limiting = path.filter((node) => node.words.length);
  if (!limiting.length) {
    place.remove();
    return;
  }
  const count = limiting.reduce((sum, node) => sum + node.words.length, 0);
  place.querySelector("summary").textContent = `and ${count} from above, which hold as well`;
  for (const node of limiting) {
    const title = document.createElement("h4");
    const name = document.createElement("bdi");
    name.textContent = node.agent;
    title.append(name);
    const list = document.createElement("dl");
    list.className = "caveats";
    caveats(list, node);
    place.querySelector("div").append(title, list);
  }
}
