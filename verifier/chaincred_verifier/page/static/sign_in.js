import { signIn } from "./session.js";

const WORDS = {
  malformed: "That is not a presentation. Paste all of what the command printed.",
  proof_time: "It is older than 60 seconds, or a clock is wrong. Run the command again.",
  proof_replayed: "It was used before, and is good only once. Run the command again.",
  proof_audience: "It was made for another service. Look at --audience.",
  proof_signature: "It was not made for signing in here.",
  untrusted: "The token’s root is not one of this service’s administrators.",
  broken_chain: "The token is not rightly signed.",
  revoked: "The token is revoked.",
  caveat: "The token does not allow signing in, or has expired.",
  stale: "The service’s revocation list is not fresh, so it admits nobody.",
  unavailable: "The service’s store does not answer.",
  rate_limited: "Too many refused calls from this address. Wait a little.",
};

const form = document.getElementById("sign-in");
const field = document.getElementById("presentation");
const said = document.getElementById("sign-in-said");
const button = form.querySelector("button");
document.getElementById("origin").textContent = location.origin;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  said.hidden = true;
  const problem = await attempt(field.value.replace(/\s+/g, ""));
  button.disabled = false;
  if (problem === null) {
    location.reload();
    return;
  }
  said.textContent = problem;
  said.hidden = false;
  field.select();
});

async function attempt(text) {
  if (text.startsWith("cc1s_")) {
    return "That is the token itself, with its key: a secret. Do not paste it anywhere; run the command.";
  }
  // A header takes ASCII only; anything else would not even be sent.
  if (!/^cc1p_[\w-]+$/.test(text)) return WORDS.malformed;
  try {
    const problem = await signIn(text);
    return problem && (WORDS[problem.code] ?? problem.detail);
  } catch {
    return "The service does not answer.";
  }
}

field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    form.requestSubmit();
  }
});
