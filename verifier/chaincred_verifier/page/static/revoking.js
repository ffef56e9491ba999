// The dialog that revokes: choose, see what dies, confirm, watch it close.

const dialog = document.getElementById("revoke");
let before = null;

export function open(rootId, link) {
  before = document.activeElement;
  document.getElementById("revoking").replaceChildren();
  dialog.showModal();
  htmx.ajax("GET", `/page/trees/${rootId}/revoke?link=${link}`, "#revoking");
}

// What would die is shown for one choice; it is gone the moment another one is made.
dialog?.addEventListener("change", (event) => {
  if (event.target.name === "kill") document.getElementById("would-kill").replaceChildren();
});

dialog?.addEventListener("click", (event) => {
  if (event.target.closest("[data-close]")) dialog.close();
});

// Enter in the reason's field must not confirm, and there is nothing else to submit.
dialog?.addEventListener("submit", (event) => event.preventDefault());

dialog?.addEventListener("close", () => {
  document.getElementById("revoking").replaceChildren();
  if (before?.isConnected) before.focus();
});
