// The nodes of one tree: who stands on whom, who is alive, what is folded away.

import { now } from "./times.js";

const AT_ONCE = 60;
const OPEN = 250;
const NAMES = new Intl.Collator(undefined, { numeric: true });

export class Family {
  // Nodes come parents first, as the service tells them.
  constructor(nodes) {
    this.folded = new Set();
    this.limits = new Map();
    this.livingOnly = false;
    this.take(nodes);
    this.#foldWhatIsMuch();
  }

  take(nodes) {
    this.nodes = new Map(nodes.map((node) => [node.link, { ...node, children: [] }]));
    for (const node of this.nodes.values()) {
      const parent = this.nodes.get(node.parent);
      if (parent) parent.children.push(node);
      else this.root = node;
    }
    for (const node of this.nodes.values()) node.children.sort(inOrder);
    for (const node of [...this.nodes.values()].reverse()) {
      node.below = node.children.reduce((sum, child) => sum + child.below + 1, 0);
    }
  }

  get(link) {
    return this.nodes.get(link);
  }

  path(node) {
    const found = [];
    for (let at = node; at; at = this.nodes.get(at.parent)) found.push(at);
    return found;
  }

  // What is drawn below a node: its children, and at most one that stands for all that are not.
  shown(node) {
    if (node.isMore || this.folded.has(node.link)) return [];
    const children = this.children(node);
    const limit = this.limits.get(node.link) ?? AT_ONCE;
    const shown = children.slice(0, limit);
    const rest = children.length - shown.length;
    if (rest > 0) {
      shown.push({ isMore: true, link: `more-${node.link}`, parent: node.link, rest });
    }
    return shown;
  }

  children(node) {
    return this.livingOnly ? node.children.filter((child) => state(child) === "alive") : node.children;
  }

  more(link) {
    this.limits.set(link, (this.limits.get(link) ?? AT_ONCE) + AT_ONCE * 2);
  }

  fold(node, isFolded) {
    if (isFolded) this.folded.add(node.link);
    else this.folded.delete(node.link);
  }

  unfoldAll() {
    this.folded.clear();
  }

  // Opens whatever hides a node.
  reveal(node) {
    const [, ...above] = this.path(node);
    for (const [i, parent] of above.entries()) {
      this.folded.delete(parent.link);
      const child = i ? above[i - 1] : node;
      const place = this.children(parent).indexOf(child);
      if (place >= (this.limits.get(parent.link) ?? AT_ONCE)) this.limits.set(parent.link, place + 1);
    }
  }

  counts() {
    const found = { alive: 0, revoked: 0, expired: 0 };
    for (const node of this.nodes.values()) found[state(node)] += 1;
    return found;
  }

  // Breadth first: what is near the root is open, as far as it can be looked at.
  #foldWhatIsMuch() {
    let drawn = 1;
    for (const node of this.nodes.values()) {
      const next = Math.min(node.children.length, AT_ONCE);
      if (drawn + next > OPEN && node.children.length) this.folded.add(node.link);
      else drawn += next;
    }
  }
}

function inOrder(one, other) {
  return one.first_seen - other.first_seen || NAMES.compare(one.agent, other.agent);
}

export function state(node) {
  if (node.revoked) return "revoked";
  return node.expires_at > now() ? "alive" : "expired";
}
