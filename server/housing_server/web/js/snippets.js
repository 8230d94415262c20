// The request of the form as commands and code, to copy.

import { el } from "./dom.js";

const METHOD = "housing.v1.PredictionService/Predict";
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const indented = (request) => JSON.stringify(request, null, 1).replace(/\n\s*/g, " ").replace(/, "(housing_median_age|population)"/g, ',\n  "$1"');
const literal = (value) => (typeof value === "string" ? JSON.stringify(value) : String(value));

const WRITERS = {
  curl: (request, { origin }) => `curl ${origin}/api/predict -H 'Content-Type: application/json' -d ${quoted(indented(request))}`,
  grpcurl: (request, { host, plain }) => `grpcurl ${plain ? "-plaintext " : ""}-d ${quoted(`{"block_group": ${indented(request)}}`)} \\\n  ${host} ${METHOD}`,
  ghz: (request, { host, plain }) => `ghz ${plain ? "--insecure " : ""}--call ${METHOD} --total 10000 --concurrency 50 --connections 4 \\\n  --data ${quoted(`{"block_group": ${indented(request)}}`)} ${host}`,
  Python: (request, { host, plain }) => [
    `from housing_client import PredictionClient${plain ? "" : ", Tls"}`, "",
    `with PredictionClient("${host}"${plain ? "" : ", credentials=Tls()"}) as client:`,
    "    answer = client.predict(",
    ...Object.entries(request).map(([name, value]) => `        ${name}=${literal(value)},`),
    "    )", "    print(answer.median_house_value, answer.model_version)"].join("\n"),
};

// Returns the request in one of the languages.
export function snippet(language, request, at = location) {
  const plain = at.protocol === "http:";
  return WRITERS[language](request, { origin: at.origin, host: at.port ? at.host : `${at.hostname}:${plain ? 80 : 443}`, plain });
}

async function copy(text, button) {
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

// Shows tabs; returns a function that shows another request.
export function snippets(place) {
  const code = el("pre", { tabindex: "0", id: "snippet", role: "tabpanel", "aria-labelledby": "tab-curl" });
  const copying = el("button", { type: "button", class: "copy", onclick: () => copy(code.textContent, copying) }, "Copy");
  const tabs = Object.keys(WRITERS).map((language) => el("button", {
    type: "button", role: "tab", id: `tab-${language}`, "aria-controls": "snippet", "aria-selected": "false",
    onclick: () => choose(language), onkeydown: (event) => step(event) }, language));
  let chosen = "curl";
  let request = {};

  function show() {
    code.textContent = snippet(chosen, request);
    code.setAttribute("aria-labelledby", `tab-${chosen}`);
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab.textContent === chosen));
      tab.tabIndex = tab.textContent === chosen ? 0 : -1;
    }
  }
  function choose(language) {
    chosen = language;
    show();
  }
  function step(event) {
    const by = { ArrowRight: 1, ArrowLeft: tabs.length - 1 }[event.key];
    if (!by) return;
    const next = tabs[(tabs.indexOf(event.target) + by) % tabs.length];
    choose(next.textContent);
    next.focus();
  }

  place.append(el("div", { class: "tabbed" }, el("div", { class: "tabs" }, el("div", { role: "tablist", "aria-label": "Languages" }, tabs), copying), code));
  return (shown) => {
    request = shown;
    show();
  };
}
