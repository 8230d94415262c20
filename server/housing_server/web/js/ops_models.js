// Versions of the model: which serves, which served, and the change from one to the other.

import { get, hasRoute, post } from "./api.js";
import { el, table } from "./dom.js";
import { percent, time, usd } from "./format.js";

const KINDS = {
  MODEL_CHANGE_KIND_PROMOTION: "promoted",
  MODEL_CHANGE_KIND_ROLLBACK: "rolled back",
  MODEL_CHANGE_KIND_CANARY_START: "canary started",
  MODEL_CHANGE_KIND_CANARY_SHARE: "share of the canary",
  MODEL_CHANGE_KIND_CANARY_END: "canary ended",
};

// A version as changes name it, with its share of the calls if it is a canary.
const named = (version, share) => (version ? `v${version}${share === undefined ? "" : ` (${percent(share)})`}` : "none");

// Asks for a reason in a dialog; resolves with reason and force, or null.
function confirmed(title, text, objection) {
  const reason = el("input", { id: "reason", required: true, maxlength: 1000, autocomplete: "off" });
  const force = el("input", { id: "force", type: "checkbox" });
  return new Promise((resolve) => {
    const close = (value) => { dialog.remove(); resolve(value); };
    const form = el("form", { class: "prose", onsubmit: (event) => { event.preventDefault(); close({ reason: reason.value.trim(), force: force.checked }); } },
      el("p", {}, text),
      objection ? el("p", { class: "warning" }, objection) : null,
      el("div", { class: "field" }, el("label", { for: "reason" }, "Reason", el("i", {}, "goes on record")), reason),
      objection ? el("label", {}, force, " Promote it nevertheless") : null,
      el("div", { class: "actions" }, el("button", { class: "primary" }, title), el("button", { type: "button", onclick: () => close(null) }, "Cancel")));
    const dialog = el("dialog", { "aria-label": title }, form);
    dialog.addEventListener("cancel", () => close(null));
    document.body.append(dialog);
    dialog.showModal();
    reason.focus();
  });
}

export function models(place) {
  const said = el("p", { class: "note", role: "status", id: "models-said" });
  const shown = el("div", { class: "tabbed", id: "models-shown" });

  async function change(path, title, text, champion, objection) {
    const decision = await confirmed(title, text, objection);
    if (!decision) return;
    const body = { reason: decision.reason, champion_version: champion, ...(decision.force ? { force: true } : {}) };
    try {
      const { change: made } = await post(path, body);
      said.textContent = made ? `Version ${made.to_version} is the champion; the service follows within seconds.` : "It was the champion already.";
    } catch (problem) {
      said.textContent = `${problem.message} (${problem.reason})`;
    }
    await load();
  }

  const promote = (version, champion) => change(`/api/models/${version.version}:promote`, "Promote", `Version ${version.version} becomes the champion in the place of ${champion || "none"}.`, champion, version.objection);

  function row(version, champion) {
    const serves = version.version === champion;
    return [
      `v${version.version}`, serves ? el("b", {}, "champion") : version.aliases.join(", "), time(version.registered_at),
      version.test_rmse === undefined ? "" : usd(version.test_rmse), version.objection,
      serves ? "" : el("button", { type: "button", onclick: () => promote(version, champion) }, "Promote")];
  }

  async function changes() {
    if (!(await hasRoute("/api/models/changes"))) return [];
    const { changes: made } = await get("/api/models/changes?page_size=10");
    const rows = made.map((each) => [time(each.changed_at), KINDS[each.kind] ?? each.kind, `${named(each.from_version, each.from_share)} \u2192 ${named(each.to_version, each.to_share)}`, each.changed_by, each.reason, each.failure]);
    return rows.length ? [el("h3", {}, "Changes"), table("Changes of champion and canary", ["When", "What", "Versions", "By", "Why", "Failure"], rows)] : [];
  }

  async function load() {
    try {
      const { versions, champion_version: champion } = await get("/api/models");
      const back = () => change("/api/models:rollback", "Roll back", `The champion before version ${champion} becomes it again.`, champion, "");
      shown.replaceChildren(
        table("Versions", ["Version", "Aliases", "Registered", "Test RMSE#", "Against it", "Change"], versions.slice(0, 20).map((each) => row(each, champion))),
        el("div", { class: "actions" }, el("button", { type: "button", onclick: back }, "Roll back")), ...(await changes()));
    } catch (problem) {
      shown.replaceChildren(el("p", { class: "error" }, problem.message, " ", el("code", {}, problem.reason)));
    }
  }

  place.append(said, shown);
  load();
}
