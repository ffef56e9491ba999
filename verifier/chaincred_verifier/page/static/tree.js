// One tree: loads it, draws it, follows the keys, and keeps it up to date.

import * as details from "./details.js";
import { Drawing } from "./drawing.js";
import { Family } from "./family.js";
import { say } from "./main.js";
import { open } from "./revoking.js";
import * as times from "./times.js";

const place = document.getElementById("tree");
const rootId = place.dataset.root;
const drawing = new Drawing(place, document.getElementById("edges"));
const SOON = 3000;
const MANY = 1000;
const LATER = 30000;
let family = null;
let selected = null;

async function load() {
  let answer;
  try {
    answer = await fetch(`/page/trees/${rootId}/nodes`, { headers: { "HX-Request": "true" } });
  } catch {
    return;
  }
  if (answer.headers.has("hx-refresh")) location.reload();
  if (!answer.ok) {
    say("The tree cannot be told now. What is shown is from before.");
    return;
  }
  const { nodes, now, is_cut, issuer } = await answer.json();
  document.getElementById("cut").hidden = !is_cut;
  document.getElementById("issuer").textContent = issuer;
  times.set(now);
  if (family) {
    family.take(nodes);
    draw();
    return;
  }
  begin(nodes);
  draw();
  card(selected).scrollIntoView({ block: "center", inline: "nearest" });
  scrollTo(0, 0);
}

function begin(nodes) {
  family = new Family(nodes);
  const wanted = family.get(location.hash.slice(1));
  selected = (wanted ?? family.root).link;
  family.reveal(family.get(selected));
}

function draw() {
  drawing.draw(family, selected);
  const counts = family.counts();
  const text = Object.entries(counts)
    .filter(([, count]) => count)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");
  const all = document.getElementById("counts");
  if (all.textContent !== text) all.textContent = text;
  // What somebody is reading or about to press is not taken from under them.
  if (!details.holdsFocus()) tell();
}

function tell() {
  details.show(family.get(selected), family, { select: go, revoke });
}

function revoke(node) {
  open(rootId, node.link);
}

function card(link) {
  return drawing.cards.get(link);
}

function select(link, { focus = true } = {}) {
  if (!family.get(link)) return;
  selected = link;
  details.come();
  history.replaceState(null, "", `#${link}`);
  if (card(link)) drawing.select(link);
  else draw();
  tell();
  if (focus) card(link)?.focus({ preventScroll: true });
  card(link)?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// To a node that may be folded away.
function go(link, how) {
  family.reveal(family.get(link));
  draw();
  select(link, how);
}

function fold(node, isFolded) {
  family.fold(node, isFolded);
  draw();
  // What is selected is never out of sight.
  if (!card(selected)) select(node.link);
}

function showMore(more) {
  const parent = more.slice("more-".length);
  const shown = family.shown(family.get(parent)).length - 1;
  family.more(parent);
  draw();
  select(family.children(family.get(parent))[shown].link);
}

place.addEventListener("click", (event) => {
  const at = event.target.closest(".node");
  if (!at) return;
  const link = at.dataset.link;
  if (link.startsWith("more-")) {
    showMore(link);
    return;
  }
  if (event.target.closest(".fold")) fold(family.get(link), !family.folded.has(link));
  select(link);
});

const KEYS = {
  ArrowDown: (cards, at) => step(cards[at + 1]),
  ArrowUp: (cards, at) => step(cards[at - 1]),
  Home: (cards) => step(cards[0]),
  End: (cards) => step(cards.at(-1)),
  ArrowRight(cards, at, node) {
    if (!node || !family.children(node).length) return;
    if (family.folded.has(node.link)) fold(node, false);
    else step(cards[at + 1]);
  },
  ArrowLeft(cards, at, node) {
    if (node && family.children(node).length && !family.folded.has(node.link)) fold(node, true);
    else step(card(node ? node.parent : cards[at].dataset.link.slice("more-".length)));
  },
  Enter: (cards, at, node) => (node ? details.focus() : showMore(cards[at].dataset.link)),
  " ": (cards, at, node) => KEYS.Enter(cards, at, node),
  r: (cards, at, node) => node && revoke(node),
};

place.addEventListener("keydown", (event) => {
  const at = event.target.closest(".node");
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!at || !act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const cards = drawing.inOrder;
  act(cards, cards.indexOf(at), family.get(at.dataset.link));
});

function step(to) {
  if (!to) return;
  if (family.get(to.dataset.link)) {
    select(to.dataset.link);
    return;
  }
  // What stands for more can be gone to, but has no details.
  for (const each of drawing.inOrder) each.tabIndex = each === to ? 0 : -1;
  to.focus();
}

document.getElementById("details").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  details.close();
  card(selected)?.focus();
});

document.getElementById("living").addEventListener("change", (event) => {
  family.livingOnly = event.target.checked;
  draw();
  // Or what it stands on, if it is hidden now.
  const seen = family.path(family.get(selected)).find((node) => card(node.link));
  select((seen ?? family.root).link, { focus: false });
});

document.getElementById("unfold").addEventListener("click", () => {
  family.unfoldAll();
  draw();
});

const find = document.getElementById("find");
find.addEventListener("keydown", (event) => {
  if (event.key === "Enter") next(find.value.trim().toLowerCase());
});

// The next block after the selected one whose agent or purpose has this in it.
function next(text) {
  const all = [...family.nodes.values()];
  const from = all.findIndex((node) => node.link === selected) + 1;
  const found = [...all.slice(from), ...all.slice(0, from)].find((node) =>
    `${node.agent}\n${node.purpose}`.toLowerCase().includes(text),
  );
  find.setAttribute("aria-invalid", !found);
  if (!text || !found) return;
  go(found.link, { focus: false });
}

document.addEventListener("chaincred:revoked", load);
addEventListener("resize", () => family && draw());

async function keepUp() {
  if (!document.hidden) await load();
  setTimeout(keepUp, family && family.nodes.size > MANY ? LATER : SOON);
}

keepUp();
