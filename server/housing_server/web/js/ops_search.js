// Search of the prediction log, page by page.

import { get } from "./api.js";
import { el, table } from "./dom.js";
import { time, usd } from "./format.js";
import { recordForm } from "./ops_outcomes.js";

const PAGE_SIZE = 20;
const FILTERS = [
  ["start_time", "From (UTC)", "datetime-local"], ["end_time", "Until (UTC)", "datetime-local"], ["model_version", "Version", "text"],
  ["min_median_house_value", "Price from", "text"], ["max_median_house_value", "Price to", "text"]];

function filters(form) {
  const asked = new URLSearchParams({ page_size: PAGE_SIZE });
  for (const [name, , kind] of FILTERS) {
    const value = form.elements[name].value.trim();
    if (value) asked.set(name, kind === "datetime-local" ? `${value.length === 16 ? `${value}:00` : value}Z` : value);
  }
  if (form.elements.has_outcome.value) asked.set("has_outcome", form.elements.has_outcome.value);
  return asked;
}

function detail(prediction) {
  const request = Object.entries(prediction.block_group).map(([name, value]) => [el("code", {}, name), String(value)]);
  const about = [["id", el("code", {}, prediction.prediction_id)], ["method", prediction.method], ["request", prediction.request_id], ["trace", prediction.trace_id], ["peer", prediction.peer], ["latency", `${(prediction.latency_seconds * 1000).toFixed(2)} ms`]].filter(([, value]) => value);
  return el("div", { class: "grid" }, table("Request", ["Field", "Value#"], request), el("div", { class: "tabbed" }, table("Prediction", ["About", "it"], about), recordForm(prediction.prediction_id)));
}

function row(prediction, open) {
  const { median_house_value: price, interval, outcome, warnings } = prediction;
  return [
    el("button", { type: "button", class: "link number", onclick: () => open(prediction) }, time(prediction.predicted_at)), `v${prediction.model_version}`, usd(price),
    interval ? `${usd(interval.lower)} to ${interval.upper_open ? "over " : ""}${usd(interval.upper)}` : "", outcome ? usd(outcome.median_house_value) : "", warnings.length ? el("code", {}, warnings.join(" ")) : ""];
}

function dialog(prediction) {
  const shown = el("dialog", { "aria-label": "Prediction" },
    el("div", { class: "panel-head" }, el("h2", {}, usd(prediction.median_house_value)), el("button", { type: "button", onclick: () => shown.close() }, "Close")),
    el("div", { class: "prose" }, detail(prediction)));
  shown.addEventListener("close", () => shown.remove());
  document.body.append(shown);
  shown.showModal();
}

function filterForm(onSearch) {
  return el("form", { id: "search", novalidate: true, onsubmit: (event) => { event.preventDefault(); onSearch(); } },
    el("div", { class: "fields" },
      FILTERS.map(([name, text, type]) => el("div", { class: "field" }, el("label", { for: name }, text), el("input", { id: name, name, type, step: "1", autocomplete: "off" }))),
      el("div", { class: "field" }, el("label", { for: "has_outcome" }, "True price"),
        el("select", { id: "has_outcome", name: "has_outcome" }, [["", "any"], ["true", "known"], ["false", "not known"]].map(([value, text]) => el("option", { value }, text))))),
    el("div", { class: "actions" }, el("button", { class: "primary" }, "Search")));
}

export function search(place) {
  const found = el("div", { class: "tabbed", id: "found" });
  const more = el("button", { type: "button", hidden: true, onclick: () => load() }, "Older ones");
  const form = filterForm(() => load(true));
  let rows = [];
  let token = "";

  async function load(fresh = false) {
    if (fresh) [rows, token] = [[], ""];
    const asked = filters(form);
    if (token) asked.set("page_token", token);
    try {
      const page = await get(`/api/logs/predictions?${asked}`);
      rows.push(...page.predictions);
      token = page.next_page_token;
      const heads = ["When", "Version", "Price#", "Interval#", "True price#", "Warnings"];
      found.replaceChildren(rows.length ? table("Predictions", heads, rows.map((each) => row(each, dialog))) : el("p", { class: "note" }, "No prediction matches."));
    } catch (problem) {
      found.replaceChildren(el("p", { class: "error", role: "alert" }, problem.message, " ", el("code", {}, problem.reason)));
      token = "";
    }
    more.hidden = !token;
  }

  place.append(form, found, el("div", {}, more));
  load(true);
}
