// True prices, recorded by the id of the prediction.

import { post } from "./api.js";
import { el } from "./dom.js";

const RESULTS = {
  OUTCOME_RESULT_RECORDED: "recorded", OUTCOME_RESULT_UNCHANGED: "on record already", OUTCOME_RESULT_REVISED: "revised",
  OUTCOME_RESULT_LATE: "too late: such predictions have been pruned", OUTCOME_RESULT_UNKNOWN: "no such prediction",
};

// Returns what a call recorded, counted by result.
async function record(outcomes) {
  const { outcomes: results } = await post("/api/outcomes", { outcomes });
  const counted = new Map();
  for (const { result } of results) counted.set(RESULTS[result], (counted.get(RESULTS[result]) ?? 0) + 1);
  return [...counted].map(([result, times]) => (results.length === 1 ? result : `${times} ${result}`)).join(", ");
}

// Numbers as numbers; anything else as it is, for the service to refuse by name.
const price = (text) => (text.trim() === "" || Number.isNaN(Number(text)) ? text.trim() : Number(text));

async function say(place, outcomes) {
  try {
    place.textContent = await record(outcomes);
  } catch (problem) {
    place.textContent = problem.violations?.length ? problem.violations.map(({ field, description }) => `${field}: ${description}`).join("; ") : problem.message;
  }
}

// Returns a form for the true price of one prediction.
export function recordForm(id) {
  const field = el("input", { id: "true-price", inputmode: "decimal", autocomplete: "off" });
  const said = el("p", { class: "note", role: "status" });
  return el("form", { class: "field", onsubmit: (event) => { event.preventDefault(); say(said, [{ prediction_id: id, median_house_value: price(field.value) }]); } },
    el("label", { for: "true-price" }, "True price", el("i", {}, "1990 USD")), field, el("div", { class: "actions" }, el("button", { class: "primary" }, "Record")), said);
}

export function outcomes(place) {
  const field = el("textarea", { id: "outcomes", "aria-label": "Ids and true prices", spellcheck: "false", placeholder: "01a209c0-d079-75ce-90ba-a74272bcea12,452600" });
  const said = el("p", { class: "note", role: "status", id: "outcomes-said" });
  const lines = () => field.value.split("\n").filter((line) => line.trim()).map((line) => line.split(/[,;\t]/));
  const send = () => say(said, lines().map(([id, text = ""]) => ({ prediction_id: id.trim(), median_house_value: price(text) })));
  place.append(field, el("div", { class: "actions" }, el("button", { type: "button", class: "primary", onclick: send }, "Record"), said));
}
