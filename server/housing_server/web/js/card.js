// The model card, in a dialog.

import { get } from "./api.js";
import { el } from "./dom.js";
import { markdown } from "./markdown.js";

// Opens the card of the served model.
export async function showCard() {
  const body = el("div", { class: "prose", tabindex: "0" }, "\u2026");
  const close = el("button", { type: "button", onclick: () => dialog.close() }, "Close");
  const dialog = el("dialog", { "aria-label": "Model card" }, el("div", { class: "panel-head" }, el("h2", {}, "Model card"), close), body);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  try {
    const card = await get("/api/model/card");
    body.replaceChildren(...markdown(card.markdown));
  } catch (problem) {
    body.replaceChildren(el("p", {}, problem.message));
  }
}
