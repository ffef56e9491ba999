// The session of this browser. The cookie is out of a script's reach; what is kept here is the
// token that a call which changes something must show beside it. It is of no use without the
// cookie, and no other site can read it.

const PLACE = "chaincred-session";

export function kept() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? {};
  } catch {
    return {};
  }
}

export async function signIn(presentation) {
  const answer = await fetch("/v1/sessions", {
    method: "POST",
    headers: { Authorization: `Chaincred ${presentation}` },
  });
  const said = await answer.json();
  if (answer.ok) localStorage.setItem(PLACE, JSON.stringify(said));
  return answer.ok ? null : said;
}

export async function signOut() {
  localStorage.removeItem(PLACE);
  await fetch("/v1/sessions", { method: "DELETE" });
  location.assign("/");
}
