// The form, made from the contract: a field for each of a block group, and the service's complaints at their fields.

import { el } from "./dom.js";
import { words } from "./format.js";

const range = ({ minimum, maximum }) => (minimum === undefined ? "" : `${minimum.toLocaleString("en-US")} to ${maximum.toLocaleString("en-US")}`);

function control(name, schema) {
  const shared = { id: name, name, "aria-describedby": `${name}-problem`, title: schema.description };
  if (!schema.enum) return el("input", { ...shared, type: "text", inputmode: "decimal", autocomplete: "off", placeholder: range(schema) });
  return el("select", shared, el("option", { value: "" }, "from the place"), schema.enum.map((choice) => el("option", { value: choice }, choice)));
}

function labelled(name, schema, required) {
  const hint = schema["x-unit"] ?? (required.includes(name) ? "" : "optional");
  return el("div", { class: "field" },
    el("label", { for: name }, words(name), el("i", {}, hint)),
    control(name, schema),
    el("div", { class: "problem", id: `${name}-problem`, hidden: true }));
}

export class Form {
  // form, fields, error: elements. schema: of BlockGroup.
  constructor({ form, fields, error, schema }) {
    Object.assign(this, { form, error, schema, names: Object.keys(schema.properties) });
    fields.append(...this.names.map((name) => labelled(name, schema.properties[name], schema.required)));
  }

  // Fills the fields with a request.
  fill(request) {
    for (const name of this.names) this.form.elements[name].value = request[name] ?? "";
    this.clear();
  }

  // Returns the request: numbers where there are numbers, and whatever else was typed as it is, for the service to judge.
  request() {
    const typed = this.names.map((name) => [name, this.form.elements[name].value.trim()]).filter(([, text]) => text !== "");
    return Object.fromEntries(typed.map(([name, text]) => [name, this.schema.properties[name].enum || Number.isNaN(Number(text)) ? text : Number(text)]));
  }

  clear() {
    this.error.hidden = true;
    for (const name of this.names) this.#complain(name, "");
  }

  // Shows an error: each violation at its field, and the rest above the buttons.
  show(problem) {
    this.clear();
    const elsewhere = (problem.violations ?? []).filter(({ field }) => !this.names.includes(field));
    const here = new Map();
    for (const { field, description } of problem.violations ?? []) if (this.names.includes(field)) here.set(field, [...(here.get(field) ?? []), description]);
    for (const [field, texts] of here) this.#complain(field, texts.join("; "));
    const first = this.form.querySelector("[aria-invalid='true']");
    this.error.hidden = false;
    const text = first && !elsewhere.length ? `The service refused ${here.size === 1 ? "a field" : `${here.size} fields`}` : problem.message;
    this.error.replaceChildren(text, " ", el("code", {}, problem.reason), problem.requestId ? el("span", { class: "note" }, ` request ${problem.requestId}`) : "");
    first?.focus();
  }

  #complain(name, text) {
    const place = this.form.querySelector(`#${name}-problem`);
    place.hidden = !text;
    place.textContent = text;
    if (text) this.form.elements[name].setAttribute("aria-invalid", "true");
    else this.form.elements[name].removeAttribute("aria-invalid");
  }
}
