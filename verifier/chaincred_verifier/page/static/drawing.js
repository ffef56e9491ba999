// The tree as it is drawn: d3-hierarchy says where, cards say who, one SVG holds the edges.
//
// Cards are elements and not SVG text: names are cut, wrapped and isolated as text should be, and
// on a narrow screen the same cards are an indented list.

import { state } from "./family.js";
import * as times from "./times.js";

const WIDTH = 186;
const [NARROW, WIDE] = [WIDTH + 24, WIDTH + 60];
const ROW = 54;
const MARGIN = 12;
const MIDDLE = 22;
const TRUNK = 12;
const BEND = 6;

export class Drawing {
  constructor(tree, edges) {
    this.tree = tree;
    this.edges = edges;
    this.cards = new Map();
    tree.replaceChildren();
  }

  draw(family, selected) {
    const root = d3.hierarchy(family.root, (node) => family.shown(node));
    const room = this.tree.parentElement.clientWidth - WIDTH - 2 * MARGIN;
    const column = Math.min(Math.max(room / (root.height || 1), NARROW), WIDE);
    d3.tree()
      .nodeSize([ROW, column])
      .separation((one, other) => (one.parent === other.parent ? 1 : 1.2))(root);
    const places = [];
    root.eachBefore((place) => places.push(place));
    const top = Math.min(...places.map((place) => place.x)) - MARGIN;
    const seen = new Set();
    let last = null;
    for (const place of places) {
      const card = this.#card(place, family, place.data.link === selected);
      card.style.setProperty("--x", `${place.y + MARGIN}px`);
      card.style.setProperty("--y", `${place.x - top}px`);
      card.style.setProperty("--depth", place.depth);
      seen.add(place.data.link);
      if (last ? last.nextSibling !== card : this.tree.firstChild !== card) {
        this.tree.insertBefore(card, last ? last.nextSibling : this.tree.firstChild);
      }
      last = card;
    }
    for (const [link, card] of this.cards) {
      if (!seen.has(link)) {
        card.remove();
        this.cards.delete(link);
      }
    }
    this.#edge(places, top);
  }

  select(link) {
    for (const card of this.tree.querySelectorAll('[aria-selected="true"], [tabindex="0"]')) {
      mark(card, false);
    }
    mark(this.cards.get(link), true);
  }

  // The cards in the order in which they are read.
  get inOrder() {
    return [...this.tree.children];
  }

  #card(place, family, isSelected) {
    const node = place.data;
    const card = this.cards.get(node.link) ?? make(node);
    this.cards.set(node.link, card);
    const siblings = place.parent ? place.parent.children : [place];
    card.setAttribute("aria-level", place.depth + 1);
    card.setAttribute("aria-posinset", siblings.indexOf(place) + 1);
    card.setAttribute("aria-setsize", siblings.length);
    mark(card, isSelected);
    if (node.isMore) fillMore(card, node);
    else fill(card, node, family);
    return card;
  }

  #edge(places, top) {
    const paths = { "": "", cut: "" };
    let [right, bottom] = [0, 0];
    for (const place of places) {
      const [x, y] = [place.y + MARGIN, place.x - top];
      right = Math.max(right, x + WIDTH);
      bottom = Math.max(bottom, y + ROW);
      if (!place.parent) continue;
      const [x0, y0] = [place.parent.y + MARGIN + WIDTH, place.parent.x - top + MIDDLE];
      const isCut = !place.data.isMore && state(place.data) !== "alive";
      paths[isCut ? "cut" : ""] += elbow(x0, y0, x, y + MIDDLE);
    }
    this.edges.setAttribute("width", right + MARGIN);
    this.edges.setAttribute("height", bottom + MARGIN);
    this.edges.querySelector(".edge:not(.cut)").setAttribute("d", paths[""]);
    this.edges.querySelector(".cut").setAttribute("d", paths.cut);
    this.tree.style.setProperty("--width", `${right + MARGIN}px`);
    this.tree.style.setProperty("--height", `${bottom + MARGIN}px`);
  }
}

// Siblings share one trunk, so that a hundred of them are still one line.
function elbow(x0, y0, x, y) {
  const rise = y - y0;
  const bend = Math.min(BEND, Math.abs(rise) / 2) * Math.sign(rise);
  if (!bend) return `M${x0},${y0}H${x}`;
  const trunk = x0 + TRUNK;
  const [into, out] = [trunk - Math.abs(bend), trunk + Math.abs(bend)];
  return `M${x0},${y0}H${into}Q${trunk},${y0} ${trunk},${y0 + bend}V${y - bend}Q${trunk},${y} ${out},${y}H${x}`;
}

function make(node) {
  const card = document.createElement("div");
  card.setAttribute("role", "treeitem");
  card.dataset.link = node.link;
  card.className = "node";
  card.append(part("span", "state"), part("bdi", "agent"), part("span", "what"), part("span", "fold"));
  return card;
}

function mark(card, isSelected) {
  card.setAttribute("aria-selected", isSelected);
  card.tabIndex = isSelected ? 0 : -1;
}

function part(tag, name) {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}

function fill(card, node, family) {
  const [mark, agent, what, fold] = card.children;
  const said = state(node);
  card.className = `node ${said}`;
  mark.className = `state ${said}`;
  mark.setAttribute("aria-hidden", "true");
  put(agent, node.agent);
  agent.title = node.agent;
  tellWhat(what, node, said);
  const children = family.children(node);
  const isFolded = family.folded.has(node.link);
  put(fold, children.length ? (isFolded ? `+${node.below}` : "−") : "");
  fold.hidden = !children.length;
  if (children.length) card.setAttribute("aria-expanded", !isFolded);
  else card.removeAttribute("aria-expanded");
  const uses = node.uses === 1 ? "1 use" : `${node.uses} uses`;
  card.setAttribute("aria-label", `${node.agent}, ${said}, ${uses}`);
}

function fillMore(card, node) {
  const [, agent] = card.children;
  card.className = "node more";
  put(agent, `${node.rest} more…`);
  card.setAttribute("aria-label", `${node.rest} more`);
}

function tellWhat(what, node, said) {
  const time = what.firstElementChild ?? what.appendChild(document.createElement("span"));
  const uses = what.children[1] ?? what.appendChild(part("span", "uses"));
  if (said === "revoked") {
    delete time.dataset.at;
    put(time, `revoked, No ${node.revoked.number}`);
  } else if (said === "expired") {
    delete time.dataset.at;
    put(time, "expired");
  } else {
    times.put(time, node.expires_at, "left");
  }
  put(uses, node.uses ? `${node.uses}×` : "unused");
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
