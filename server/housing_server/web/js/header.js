// The top and the bottom of every page: navigation, live status, the key, and the model card.

import { get, getText, key, setKey } from "./api.js";
import { showCard } from "./card.js";
import { byId, el } from "./dom.js";
import { duration, short } from "./format.js";
import { Rates } from "./rates.js";

const PAGES = [["/", "Predict"], ["/docs", "API"], ["/ops", "Operations"]];
const STATES = { SERVICE_STATUS_SERVING: ["good", "serving"], SERVICE_STATUS_DEGRADED: ["fair", "degraded"], SERVICE_STATUS_NOT_SERVING: ["poor", "not serving"] };
const HEALTH_SECONDS = 5;
const METRICS_SECONDS = 10;
const SECOND_READING_SECONDS = 2;

function keyBox() {
  const field = el("input", { id: "key", type: "password", autocomplete: "off", value: key(), oninput: () => setKey(field.value.trim()), onchange: () => location.pathname === "/ops" && location.reload() });
  return el("details", { class: "key" }, el("summary", {}, "API key"),
    el("form", { class: "box", onsubmit: (event) => event.preventDefault() }, el("label", { for: "key" }, "Sent as authorization: Bearer"),
      field, el("p", { class: "note" }, "Only where the service asks for one. It stays in this tab and is forgotten with it.")));
}

function status() {
  const state = el("span", { id: "state", role: "status" }, el("span", { class: "dot" }), "\u2026");
  const model = el("span", { id: "version" });
  const rate = el("span", { id: "rate" });
  return { state, model, rate, all: el("div", { class: "status" }, state, model, rate, keyBox()) };
}

async function showHealth({ state, model }) {
  try {
    const health = await get("/health", { anyStatus: true });
    const [kind, text] = STATES[health.status] ?? ["poor", "unknown"];
    state.replaceChildren(el("span", { class: `dot ${kind}` }), text);
    model.replaceChildren("model ", el("b", {}, health.model_version ? `v${health.model_version}` : "none"));
  } catch {
    state.replaceChildren(el("span", { class: "dot poor" }), "not reachable");
  }
}

async function showRates(rates, place) {
  try {
    const { perSecond, p99 } = rates.add(await getText("/metrics"), performance.now() / 1000);
    if (perSecond === null) return;
    place.replaceChildren(el("b", {}, short(perSecond)), " calls/s", ...(p99 === null ? [] : [", p99 ", el("b", {}, duration(p99))]));
  } catch {
    place.replaceChildren();
  }
}

// Does something now and again while the page is visible.
export function repeat(seconds, work) {
  const turn = () => (document.hidden ? null : work());
  turn();
  setInterval(turn, seconds * 1000);
}

function bottom() {
  return [
    el("button", { class: "link", type: "button", id: "card", onclick: showCard }, "Model card"),
    el("a", { href: "/docs" }, "API documentation"),
    el("a", { href: "/openapi.json" }, "OpenAPI 3.1"),
    el("a", { href: "/metrics" }, "Metrics"),
    el("span", {}, "Prices are of 1990, from the census: no appraisal of a home today."),
  ];
}

// Fills the top and the bottom of a page.
export function dress() {
  const shown = status();
  const links = PAGES.map(([path, name]) => el("a", { href: path, "aria-current": path === location.pathname ? "page" : false }, name));
  byId("top").append(
    el("a", { class: "name", href: "/" }, el("img", { src: "/web/icon.svg", alt: "" }), "California house prices"),
    el("nav", { "aria-label": "Pages" }, links), shown.all);
  byId("bottom").append(...bottom());
  const rates = new Rates();
  repeat(HEALTH_SECONDS, () => showHealth(shown));
  for (const event of ["online", "offline"]) addEventListener(event, () => showHealth(shown));
  repeat(METRICS_SECONDS, () => showRates(rates, shown.rate));
  setTimeout(() => showRates(rates, shown.rate), SECOND_READING_SECONDS * 1000);
}
