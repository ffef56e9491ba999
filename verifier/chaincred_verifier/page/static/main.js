// What every page does: tells time, shows what went wrong, and sends the session's token along.

import { kept, signOut } from "./session.js";
import * as times from "./times.js";
import "./revoking.js";

const banner = document.getElementById("banner");
const announcer = document.getElementById("announcer");
const session = kept();

times.set(Number(document.body.dataset.now));
times.tellAll();

// A session whose token is not here could look, but not act; better to begin a new one.
if (document.body.dataset.agent && !session.csrf) signOut();
if (session.expires_at) {
  times.put(document.getElementById("session-left") ?? banner, session.expires_at, "left");
}
document.getElementById("sign-out")?.addEventListener("click", signOut);

let isGone = false;

export function say(text) {
  banner.textContent = text;
  banner.hidden = !text;
  isGone = false;
}

document.addEventListener("htmx:config:request", (event) => {
  const { request } = event.detail.ctx;
  if (request.method !== "GET") request.headers["Chaincred-CSRF"] = kept().csrf ?? "";
});

// Only what the page itself rendered is put into it; a problem document is told as text.
document.addEventListener("htmx:before:response", (event) => {
  const { raw } = event.detail.ctx.response;
  const type = raw.headers.get("content-type") ?? "";
  if (type.startsWith("text/html") || raw.headers.has("hx-refresh")) {
    say("");
    return;
  }
  event.preventDefault();
  raw.json().then(
    (problem) => say(`${problem.title}: ${problem.detail}`),
    () => say("The service answers what this page does not understand."),
  );
});

document.addEventListener("htmx:error", () => {
  if (isGone) return;
  say(`The service has not answered since ${times.moment(times.now()).slice(11)}. What is shown is from before.`);
  isGone = true;
});

document.addEventListener("htmx:after:swap", (event) => {
  const { target, sourceElement } = event.detail.ctx;
  times.tellAll(target);
  const said = target.querySelector("[data-announce]")?.dataset.announce;
  if (said && said !== announcer.textContent) announcer.textContent = said;
  if (sourceElement.hasAttribute("data-address")) keepAddress(sourceElement);
});

// A search that was typed can be bookmarked and come back to.
function keepAddress(form) {
  const filled = [...new FormData(form)].filter(([, value]) => value);
  const query = new URLSearchParams(filled).toString();
  history.replaceState(null, "", form.getAttribute("action") + (query && `?${query}`));
}

// Empty fields are left out of an address.
document.addEventListener("submit", (event) => {
  if (event.target.hasAttribute("data-address") && !event.target.hasAttribute("hx-get")) {
    for (const field of event.target.elements) field.disabled = field.name && !field.value;
  }
});
window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("[data-address] [disabled]")) field.disabled = false;
});
