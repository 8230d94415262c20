// Schemas as tables.

import { el, inline, table } from "./dom.js";

const nameOf = (reference) => reference.split("/").pop();

// Returns the type of a schema in words, with its bounds; messages are links.
export function typeOf(schema) {
  if (schema.$ref) return el("a", { href: `#message-${nameOf(schema.$ref).toLowerCase()}` }, nameOf(schema.$ref));
  if (schema.type === "array") return el("span", {}, "list of ", typeOf(schema.items), count(schema));
  if (schema.additionalProperties) return el("span", {}, "map of ", typeOf(schema.additionalProperties));
  const kind = { "date-time": "time", uuid: "UUID" }[schema.format] ?? schema.type;
  return el("span", {}, kind, schema.enum ? el("span", { class: "note" }, ` ${schema.enum.join(" | ")}`) : "", bounds(schema));
}

function count({ minItems, maxItems }) {
  return maxItems ? el("span", { class: "note" }, ` ${(minItems ?? 0).toLocaleString("en-US")} to ${maxItems.toLocaleString("en-US")}`) : "";
}

function bounds({ minimum, maximum, maxLength, "x-unit": unit }) {
  const written = (value) => value.toLocaleString("en-US");
  const parts = [
    minimum !== undefined && maximum !== undefined && maximum < 4e9 ? `${written(minimum)} to ${written(maximum)}` : null,
    maxLength ? `up to ${maxLength} characters` : null, unit ?? null];
  const text = parts.filter(Boolean).join(" ");
  return text ? el("span", { class: "note" }, ` ${text}`) : "";
}

// Returns the fields of a message, given by its schema or a reference to it.
export function fieldTable(contract, schema) {
  const whole = schema.$ref ? contract.components.schemas[nameOf(schema.$ref)] : schema;
  const rows = Object.entries(whole.properties ?? {}).map(([name, field]) => [
    el("span", {}, el("code", {}, name), (whole.required ?? []).includes(name) ? el("span", { class: "note" }, " required") : ""),
    typeOf(field), el("span", {}, inline(field.description ?? ""))]);
  const named = schema.$ref ? nameOf(schema.$ref) : "this message";
  return rows.length ? table(`Fields of ${named}`, ["Field", "Type", "Meaning"], rows) : el("p", { class: "note" }, "No fields.");
}
