// The page at `/ops`: what operators look at and do, all of it over the public routes.

import { openapi } from "./api.js";
import { byId, el } from "./dom.js";
import { dress } from "./header.js";
import { drift } from "./ops_drift.js";
import { models } from "./ops_models.js";
import { outcomes } from "./ops_outcomes.js";
import { retraining } from "./ops_retraining.js";
import { search } from "./ops_search.js";
import { state } from "./ops_state.js";
import { stats } from "./ops_stats.js";

const PANELS = [
  ["State", "What the service says of itself, and the alerts that fire by its own answers. Prometheus has more, and pages people.", state],
  ["Predictions by version", "Counts, prices and errors of the last 30 days.", stats],
  ["Drift", "Recent predictions on record beside the rows that the model was trained on.", drift],
  ["Predictions on record", "Newest first. Open one to see its request, or to record its true price.", search],
  ["True prices", "One a line: id of the prediction, comma, price in 1990 US dollars.", outcomes],
  ["Models", "Versions in the registry. Promote one, or roll back to the champion before.", models, "/api/models"],
  ["Retraining", "Runs with their triggers, verdicts and stages.", retraining, "/api/retraining"],
];

async function start() {
  dress();
  const { paths } = await openapi();
  const shown = PANELS.filter(([, , , route]) => !route || route in paths);
  byId("main").append(el("section", { class: "intro" }, el("h1", {}, "Operations"), el("p", {}, "How the service does, what it answered, and whether its model still fits.")));
  for (const [title, note, fill] of shown) {
    const body = el("div", { class: "tabbed" });
    byId("main").append(el("section", { class: "panel", "aria-label": title, id: title.toLowerCase().replaceAll(" ", "-") }, el("h2", {}, title), el("p", { class: "note" }, note), body));
    fill(body);
  }
}

start();
