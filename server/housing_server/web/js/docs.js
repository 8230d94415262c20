// The page at `/docs`: the contract as a reference, made from openapi.json alone.

import { openapi } from "./api.js";
import { byId, el, inline, table } from "./dom.js";
import { fieldTable, typeOf } from "./docs_schemas.js";
import { dress } from "./header.js";
import { markdown } from "./markdown.js";
import { trial } from "./docs_trial.js";

const slug = (text) => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
const schemaOf = (content) => content?.["application/json"]?.schema;
const exampleOf = (content) => content?.["application/json"]?.example;

function block(title, ...content) {
  return [el("h4", { class: "label" }, title), ...content];
}

function parameters(list) {
  if (!list) return [];
  const rows = list.map((each) => [el("code", {}, each.name), each.in, typeOf(each.schema), el("span", {}, inline(each.description))]);
  return block("Parameters", table("Parameters", ["Name", "In", "Type", "Meaning"], rows));
}

function errors(contract, responses) {
  const failed = Object.entries(responses).filter(([status]) => Number(status) >= 400);
  const found = failed.map(([status, { $ref }]) => [status, contract.components.responses[$ref.split("/").pop()]]);
  const rows = found.map(([status, response]) => [el("code", {}, status), el("div", {}, markdown(response.description))]);
  const example = exampleOf(found.find(([status]) => status === "400")?.[1].content);
  return [el("details", {}, el("summary", {}, "Errors"), table("Errors", ["HTTP", "Reasons"], rows),
    example ? el("pre", { tabindex: "0" }, JSON.stringify(example, null, 2)) : "")];
}

function operation(contract, verb, path, { operationId, description, parameters: listed, requestBody, responses, "x-role": role }) {
  const success = responses["200"];
  return el("section", { class: "panel", id: slug(operationId), "aria-label": operationId },
    el("div", { class: "panel-head" }, el("h3", {}, el("span", { class: "verb" }, verb), " ", el("code", {}, path)), el("span", { class: "note" }, `${operationId}, role ${role}`)),
    ...markdown(description),
    ...parameters(listed),
    ...(requestBody ? block("Body", fieldTable(contract, schemaOf(requestBody.content))) : []),
    ...block("Response", fieldTable(contract, schemaOf(success.content))),
    ...(exampleOf(success.content) ? [el("details", {}, el("summary", {}, "Example of a response"), el("pre", { tabindex: "0" }, JSON.stringify(exampleOf(success.content), null, 2)))] : []),
    ...errors(contract, responses),
    trial({ verb, path, parameters: listed ?? [], body: exampleOf(requestBody?.content) }));
}

function httpReference(contract) {
  return Object.entries(contract.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, each]) => operation(contract, verb.toUpperCase(), path, each)));
}

function grpcService(contract, service) {
  const rows = service.methods.map((method) => [
    el("code", {}, method.name), el("code", {}, `${method.streaming ? "stream " : ""}${method.request}`),
    el("code", {}, `${method.streaming ? "stream " : ""}${method.response}`), el("div", {}, markdown(method.description))]);
  return el("section", { class: "panel", id: slug(service.full_name), "aria-label": service.name },
    el("h3", {}, el("code", {}, service.full_name)), ...markdown(service.description),
    table(`Methods of ${service.name}`, ["Method", "Request", "Response", "What it does"], rows));
}

function message(contract, [name, schema]) {
  const values = Object.entries(schema["x-meanings"] ?? {}).map(([value, meaning]) => [el("code", {}, value), el("span", {}, inline(meaning))]);
  const rules = (schema["x-rules"] ?? []).map(({ id, message: text }) => el("p", { class: "note" }, "Rule ", el("code", {}, id), `: ${text}.`));
  return el("details", { class: "panel", id: `message-${slug(name)}` },
    el("summary", {}, el("code", {}, name)), ...markdown(schema.description ?? ""), ...rules,
    values.length ? table(`Values of ${name}`, ["Value", "Meaning"], values) : fieldTable(contract, schema));
}

function reasons(contract) {
  const rows = contract["x-reasons"].map((each) => [el("code", {}, each.reason), el("code", {}, each.code), each.http_status ?? "gRPC only", el("span", {}, inline(each.description))]);
  return el("section", { class: "panel", id: "errors", "aria-label": "Errors" },
    el("p", {}, "Every error is a ", el("code", {}, "google.rpc.Status"), ", in the trailers over gRPC and as the body over JSON. Its ", el("code", {}, "BadRequest"), " names the fields at fault, its ", el("code", {}, "ErrorInfo"), " has one of these reasons. Retry only those that say so."),
    table("Reasons", ["Reason", "gRPC code", "HTTP", "When, and what to do"], rows));
}

function contents(contract) {
  const links = (title, all) => [el("h2", {}, title), ...all.map(([name, at]) => el("a", { href: `#${at}` }, name))];
  const operations = Object.entries(contract.paths).flatMap(([path, verbs]) => Object.values(verbs).map((each) => [path, slug(each.operationId)]));
  return el("nav", { class: "toc", "aria-label": "Contents" },
    ...links("JSON over HTTP", operations),
    ...links("gRPC", contract["x-grpc"].map((each) => [each.name, slug(each.full_name)])),
    ...links("Reference", [["Errors", "errors"], ["Messages", "messages"]]));
}

// Opens and shows what the address names.
function reveal() {
  const named = document.getElementById(location.hash.slice(1));
  if (named?.tagName === "DETAILS") named.open = true;
  named?.scrollIntoView();
}

async function start() {
  dress();
  const contract = await openapi();
  byId("main").append(
    el("section", { class: "intro" }, el("h1", {}, "API"), el("p", {}, inline(contract.info.description)),
      el("p", {}, "Generated from the contract. As a file: ", el("a", { href: "/openapi.json" }, "OpenAPI 3.1"), "; over gRPC: ", el("code", {}, `grpcurl -plaintext ${location.host} list`), ".")),
    el("div", { class: "split" }, contents(contract),
      el("div", { class: "list" },
        el("h2", {}, "JSON over HTTP"), ...httpReference(contract),
        el("h2", {}, "gRPC"), ...contract["x-grpc"].map((service) => grpcService(contract, service)),
        el("h2", {}, "Errors"), reasons(contract),
        el("h2", { id: "messages" }, "Messages"), ...Object.entries(contract.components.schemas).sort().map((each) => message(contract, each)))));
  addEventListener("hashchange", reveal);
  reveal();
}

start();
