// A request to try: its parameters and body, and what the service answers.

import { key } from "./api.js";
import { el } from "./dom.js";

function address(path, values) {
  const rest = new URLSearchParams();
  for (const [name, value] of values) {
    if (path.includes(`{${name}}`)) path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (value !== "") rest.set(name, value);
  }
  return rest.size ? `${path}?${rest}` : path;
}

async function send(verb, path, body) {
  const headers = { ...(body === null ? {} : { "content-type": "application/json" }), ...(key() ? { authorization: `Bearer ${key()}` } : {}) };
  const started = performance.now();
  const response = await fetch(path, { method: verb, headers, body });
  const text = await response.text();
  const milliseconds = Math.round(performance.now() - started);
  let shown = text;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch { /* not JSON: shown as it is */ }
  return { head: `${response.status} ${response.statusText} in ${milliseconds} ms`, text: shown };
}

// Returns a form for a request. body: an example; undefined for requests without one.
export function trial({ verb, path, parameters, body }) {
  const fields = parameters.map((each) => [each.name, el("input", { id: `${verb}${path}${each.name}`, value: each.example ?? "", autocomplete: "off" })]);
  const written = body === undefined ? null : el("textarea", { "aria-label": "Body", rows: 10, spellcheck: "false" });
  if (written) written.value = JSON.stringify(body, null, 2);
  const head = el("p", { class: "note", role: "status" });
  const answer = el("pre", { tabindex: "0", hidden: true, "aria-label": "Answer" });
  const form = el("form", { class: "tabbed", onsubmit: (event) => { event.preventDefault(); run(); } },
    fields.length ? el("div", { class: "fields" }, fields.map(([name, field]) => el("div", { class: "field" }, el("label", { for: field.id }, name), field))) : null,
    written, el("div", { class: "actions" }, el("button", { class: "primary" }, "Send"), head), answer);

  async function run() {
    try {
      const sent = await send(verb, address(path, fields.map(([name, field]) => [name, field.value.trim()])), written && written.value);
      head.textContent = sent.head;
      answer.textContent = sent.text;
      answer.hidden = false;
    } catch (problem) {
      head.textContent = `The service cannot be reached: ${problem.message}`;
    }
  }

  return el("details", {}, el("summary", {}, "Try it"), form);
}
