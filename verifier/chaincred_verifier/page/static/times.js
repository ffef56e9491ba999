// Times that go on: whatever has data-at (seconds since 1970) is kept in words each second.

const UNITS = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];
const LAST = 8.64e12;

// The server's clock decides; this browser's may be wrong.
let ahead = 0;

export function set(serverNow) {
  ahead = serverNow - Date.now() / 1000;
}

export function now() {
  return Math.floor(Date.now() / 1000 + ahead);
}

// The two greatest units; seconds only while they matter.
export function span(seconds) {
  const parts = [];
  seconds = Math.max(0, seconds);
  if (seconds >= 600) seconds -= seconds % 60;
  for (const [size, unit] of UNITS) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count) parts.push(`${count} ${unit}`);
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

function exactly(seconds) {
  const rest = [Math.floor(seconds / 60) % 60, seconds % 60].map((n) => String(n).padStart(2, "0"));
  return [Math.floor(seconds / 3600), ...rest].join(":");
}

export function moment(second) {
  if (second > LAST) return `second ${second}`;
  return new Date(second * 1000).toISOString().slice(0, 19).replace("T", " ") + "Z";
}

const AS = {
  counting: (at) => (at > now() ? exactly(at - now()) : "expired"),
  left: (at) => (at > now() ? `${span(at - now())} left` : "expired"),
  until: (at) => (at > now() ? `in ${span(at - now())}` : "by now"),
  ago: (at) => (at > now() ? `in ${span(at - now())}` : `${span(now() - at)} ago`),
};

export function put(element, at, as) {
  element.dataset.at = at;
  element.dataset.as = as;
  element.title = moment(at);
  tell(element);
  return element;
}

function tell(element) {
  const text = AS[element.dataset.as](Number(element.dataset.at));
  if (element.textContent !== text) element.textContent = text;
}

export function tellAll(root = document) {
  for (const element of root.querySelectorAll("[data-at]")) {
    if (!element.title) element.title = moment(Number(element.dataset.at));
    tell(element);
  }
}

setInterval(tellAll, 1000);
