// Retrainings on record, with their gates and stages, and the request for another.

import { get, post } from "./api.js";
import { el, table } from "./dom.js";
import { count, time, usd } from "./format.js";

const plain = (name) => (name ?? "").replace(/^(RETRAINING_(TRIGGER|VERDICT)|STAGE_STATE)_/, "").toLowerCase().replaceAll("_", " ");
const verdict = (each) => (each.verdict && !each.verdict.endsWith("UNSPECIFIED") ? plain(each.verdict) : each.stage || "waiting");

function comparison({ comparison: both }) {
  if (!both) return [];
  const rows = [["candidate", both.candidate], ["champion", both.champion]].map(([name, quality]) => [name, usd(quality.root_mean_squared_error), usd(quality.mean_absolute_error)]);
  return [el("h3", {}, `On ${count(both.rows)} rows that neither has learnt from`), table("Comparison", ["Model", "RMSE#", "MAE#"], rows)];
}

function detail(each) {
  const gates = (each.gates ?? []).map((gate) => [gate.name, gate.passed ? "passed" : el("b", {}, "not passed"), gate.detail]);
  const stages = (each.stages ?? []).map((stage) => [stage.name, plain(stage.state), time(stage.started_at), time(stage.finished_at), stage.reason]);
  return [
    el("p", {}, each.reason || "", each.verdict_reason ? ` ${each.verdict_reason}` : ""),
    ...comparison(each),
    ...(gates.length ? [el("h3", {}, "Gates"), table("Gates", ["Gate", "Result", "Detail"], gates)] : []),
    ...(stages.length ? [el("h3", {}, "Stages"), table("Stages", ["Stage", "State", "Began", "Ended", "Why"], stages)] : [])];
}

async function open(id) {
  const body = el("div", { class: "prose" }, "\u2026");
  const shown = el("dialog", { "aria-label": "Retraining" },
    el("div", { class: "panel-head" }, el("h2", {}, "Retraining"), el("button", { type: "button", onclick: () => shown.close() }, "Close")), body);
  shown.addEventListener("close", () => shown.remove());
  document.body.append(shown);
  shown.showModal();
  try {
    body.replaceChildren(...detail((await get(`/api/retraining/${id}`)).retraining));
  } catch (problem) {
    body.replaceChildren(problem.message);
  }
}

const row = (each) => [
  el("button", { type: "button", class: "link number", onclick: () => open(each.retraining_id) }, time(each.requested_at)),
  plain(each.trigger), verdict(each), each.model_version ? `v${each.model_version}` : "", each.verdict_reason || each.reason];

export function retraining(place) {
  const found = el("div", { class: "tabbed", id: "retrainings" });
  const reason = el("input", { id: "retrain-reason", maxlength: 1000, autocomplete: "off" });
  const said = el("p", { class: "note", role: "status" });

  async function load() {
    try {
      const { retrainings } = await get("/api/retraining?page_size=20");
      found.replaceChildren(retrainings.length ? table("Retrainings", ["Requested", "By", "Verdict", "Candidate", "Why"], retrainings.map(row)) : el("p", { class: "note" }, "None yet."));
    } catch (problem) {
      found.replaceChildren(el("p", { class: "error" }, problem.message, " ", el("code", {}, problem.reason)));
    }
  }

  async function request(event) {
    event.preventDefault();
    try {
      await post("/api/retraining", { reason: reason.value.trim() });
      said.textContent = "Requested: a watcher carries it out.";
      await load();
    } catch (problem) {
      said.textContent = problem.violations?.map(({ field, description }) => `${field}: ${description}`).join("; ") || problem.message;
    }
  }

  place.append(found, el("form", { class: "field", onsubmit: request }, el("label", { for: "retrain-reason" }, "Retrain because", el("i", {}, "goes on record")), reason,
    el("div", { class: "actions" }, el("button", { class: "primary" }, "Request a retraining"), said)));
  load();
}
