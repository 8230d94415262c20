// Calls the service, over the same routes that everybody else has.

const KEY = "housing.key";

export const key = () => sessionStorage.getItem(KEY) ?? "";
export const setKey = (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY));

// What the service refuses: a google.rpc.Status.
export class ApiError extends Error {
  constructor(httpStatus, status, requestId) {
    super(status.message);
    const details = status.details ?? [];
    this.httpStatus = httpStatus;
    this.requestId = requestId;
    this.reason = details.find((each) => each.reason)?.reason ?? "UNKNOWN";
    this.violations = details.flatMap((each) => each.field_violations ?? []);
  }
}

function unreachable(problem) {
  return new ApiError(0, { message: `the service cannot be reached (${problem.message})`, details: [{ reason: "UNREACHABLE" }] }, "");
}

// Sends a request; returns the response, or raises ApiError.
async function send(path, options) {
  const headers = { ...(options.body ? { "content-type": "application/json" } : {}), ...(key() ? { authorization: `Bearer ${key()}` } : {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (problem) {
    throw problem.name === "AbortError" ? problem : unreachable(problem);
  }
  if (response.ok || options.anyStatus) return response;
  const status = await response.json().catch(() => ({ message: `HTTP status ${response.status}` }));
  throw new ApiError(response.status, status, response.headers.get("x-request-id") ?? "");
}

export const get = async (path, options = {}) => (await send(path, options)).json();
export const getText = async (path) => (await send(path, {})).text();
export const post = async (path, body, options = {}) => (await send(path, { ...options, method: "POST", body: JSON.stringify(body) })).json();

// Sends a request again while the service is overloaded or not available, with exponential backoff.
export async function patiently(call, attempts = 5) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (problem) {
      if (![0, 429, 503].includes(problem.httpStatus) || attempt === attempts) throw problem;
      await new Promise((resume) => setTimeout(resume, 250 * 2 ** attempt));
    }
  }
}

let contract;

// Returns the contract as OpenAPI, fetched once.
export const openapi = () => (contract ??= get("/openapi.json"));

// Returns a schema of the contract by name.
export const schema = async (name) => (await openapi()).components.schemas[name];

// Returns whether the service has a route.
export const hasRoute = async (path) => path in (await openapi()).paths;
