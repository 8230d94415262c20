// The page at `/`: wires map, form, answer, explanation, slider, code and files.

import { get, post } from "./api.js";
import { showAnswer } from "./answer.js";
import { loadBlockGroups } from "./block_groups.js";
import { HIGHEST, LOWEST, colour } from "./colours.js";
import { csvDrop } from "./csv.js";
import { byId, chartWidth, el, svg } from "./dom.js";
import { Form } from "./form.js";
import { shortUsd } from "./format.js";
import { dress } from "./header.js";
import { whatIf } from "./income.js";
import { MapView } from "./map.js";
import { snippets } from "./snippets.js";
import { waterfall } from "./waterfall.js";

const hundredth = (degrees) => Math.round(degrees * 100) / 100;

function legend() {
  const stops = Array.from({ length: 40 }, (_, at) => svg("rect", { x: at, width: 1.05, height: 1, fill: colour(LOWEST + ((HIGHEST - LOWEST) * at) / 39) }));
  byId("legend").append(shortUsd(LOWEST), svg("svg", { viewBox: "0 0 40 1", preserveAspectRatio: "none", "aria-hidden": "true" }, stops), `${shortUsd(HIGHEST)} and more`);
}

class Page {
  constructor({ schema, example }, blockGroups, outline) {
    this.blockGroups = blockGroups;
    this.example = example;
    this.form = new Form({ form: byId("form"), fields: byId("fields"), error: byId("form-error"), schema });
    this.map = new MapView(byId("map"), outline, blockGroups, (longitude, latitude) => this.choose(longitude, latitude));
    this.showCode = snippets(byId("snippets"));
    this.whatIf = whatIf(byId("income"), () => this.form.request());
    csvDrop(byId("csv"), schema);
    this.#listen();
  }

  #listen() {
    byId("form").addEventListener("submit", (event) => { event.preventDefault(); this.predict(); });
    byId("form").addEventListener("reset", (event) => { event.preventDefault(); this.reset(); });
    byId("form").addEventListener("input", () => { this.truth = null; byId("form-origin").textContent = "changed"; this.showCode(this.form.request()); });
    for (const choice of document.querySelectorAll("[name='shown']")) choice.addEventListener("change", () => this.colour(choice.value));
  }

  // Fills the form with the example.
  reset() {
    this.truth = null;
    byId("form-origin").textContent = "an example in Berkeley";
    this.#use(this.example);
  }

  // Fills the form for a place: the nearest block group has the rest.
  choose(longitude, latitude) {
    const row = this.blockGroups.nearest(longitude, latitude);
    const known = this.blockGroups.request(row);
    const away = Math.hypot((known.longitude - longitude) * 88.8, (known.latitude - latitude) * 111.2);
    const isOn = away < 4; // kilometres: about the size of a dot
    this.truth = isOn ? this.blockGroups.median_house_value[row] : null;
    byId("form-origin").textContent = isOn ? "as in the census" : `the nearest is ${Math.round(away)} km away`;
    this.#use(isOn ? known : { ...known, longitude: hundredth(longitude), latitude: hundredth(latitude) });
  }

  #use(request) {
    this.form.fill(request);
    this.predict();
  }

  async predict() {
    const request = this.form.request();
    this.map.mark(Number(request.longitude) || 0, Number(request.latitude) || 0);
    this.showCode(request);
    this.whatIf.fade();
    this.running?.abort();
    this.running = new AbortController();
    const { signal } = this.running;
    const answer = byId("answer");
    answer.classList.add("waiting");
    const explained = this.#explain(request, signal);
    try {
      showAnswer(answer, await post("/api/predict", request, { signal }), this.truth);
      this.form.clear();
    } catch (problem) {
      if (problem.name === "AbortError") return;
      answer.replaceChildren(el("p", { class: "note" }, "No price: correct the request and try again."));
      this.form.show(problem);
    }
    answer.classList.remove("waiting");
    await explained;
  }

  async #explain(request, signal) {
    try {
      byId("why").replaceChildren(waterfall(await post("/api/explain", request, { signal }), chartWidth(byId("why"))));
    } catch (problem) {
      if (problem.name !== "AbortError") byId("why").replaceChildren(el("p", { class: "note" }, problem.violations?.length ? "No explanation of an invalid request." : problem.message));
    }
  }

  // Colours the map by the census's prices, or by those of the served model.
  async colour(shown) {
    const note = byId("map-note");
    if (shown === "true") return this.map.show(this.blockGroups.median_house_value);
    try {
      note.textContent = "Asking the model \u2026";
      this.predicted ??= await this.#predictAll();
      this.map.show(this.predicted);
      note.textContent = `Prices of the served model for ${this.predicted.length.toLocaleString("en-US")} block groups: one batch call, on record like any other.`;
    } catch (problem) {
      note.textContent = problem.message;
    }
    return undefined;
  }

  async #predictAll() {
    const all = Array.from({ length: this.blockGroups.length }, (_, row) => this.blockGroups.request(row));
    return (await post("/api/predict/batch", { block_groups: all })).predictions.map((each) => each.median_house_value);
  }
}

async function start() {
  dress();
  legend();
  const [form, outline] = await Promise.all([get("/web/form.json"), get("/web/outline.json")]);
  const blockGroups = await loadBlockGroups(form.schema.properties.ocean_proximity.enum);
  new Page(form, blockGroups, outline).reset();
}

start();
