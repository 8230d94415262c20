-- Refuses each JSON body that does not match its route exactly, before Envoy's transcoder reads it. The transcoder drops
-- or coerces what it does not expect: a `null` in a list is dropped, so that every later answer belongs to another row; a
-- misspelt field is ignored; `"1"` becomes 1. Here each of these is an error with its path, and without the caller's
-- values.
--
-- `bodies` is derived from the contract (json_schema.py): the schema of each route's body, by method and path; `pattern` in it
-- matches the method and path of a route with a field in its path. Paths begin at the body, whether that is the whole request message or one field of it.

local bodies, json_message, status = require("bodies"), require("json_message"), require("status")
local strict_json = {}

local REASONS = { ["json.syntax"] = "INVALID_JSON", ["json.encoding"] = "INVALID_JSON" } -- by the rule that is broken

for _, shape in pairs(bodies) do
  json_message.prepare(shape)
end

-- Return the response that refuses a request, as JSON.
local function answer(what, path, description, rule)
  local message = (path == "" and what or path) .. ": " .. description
  return status.json(REASONS[rule] or "INVALID_REQUEST", message, status.violation(path, description, rule))
end

-- Return the response that refuses the body of a route, by method and path; nil when the body is valid.
function strict_json.refusal(name, body)
  local ok, fault = pcall(json_message.read, bodies[name], body)
  if ok then
    return nil
  elseif type(fault) ~= "table" then
    error(fault, 0)
  end
  return answer("the body", json_message.path(), fault.description, fault.reason)
end

-- Return whether the transcoder ignores a request because of its gRPC content type.
local function is_grpc(headers)
  local content_type = headers:get("content-type") or ""
  return content_type == "application/grpc" or content_type:sub(1, 17) == "application/grpc+"
end

-- Return the name of the route that the transcoder matches, if it has a body; and the query.
local function route_of(headers)
  local target, query = (headers:get(":path") or ""):match("^([^?]*)%??(.*)$")
  local name = headers:get(":method") .. " " .. target:gsub("/+$", "")
  if bodies[name] then
    return name, query
  end
  for route, shape in pairs(bodies) do -- with a field in the path
    if shape.pattern and name:match(shape.pattern) then
      return route, query
    end
  end
  return nil, query
end

local function respond(handle, http_status, words)
  handle:respond({ [":status"] = http_status, ["content-type"] = "application/json" }, words)
end

-- Refuse a request whose body does not match its route, by method and path.
function strict_json.check_body(handle, name)
  local body = handle:body() -- waits for all of it
  local ok, words = pcall(strict_json.refusal, name, body and body:getBytes(0, body:length()) or "")
  if not ok then -- if this script fails, nothing passes unchecked
    handle:logErr(words)
    respond(handle, status.http("GATEWAY_ERROR"), status.json("GATEWAY_ERROR", "the gateway could not answer"))
  elseif words then
    respond(handle, status.http("INVALID_REQUEST"), words) -- or INVALID_JSON, whose status is the same
  end
end

-- Refuse a request whose body the transcoder must not see.
function strict_json.check(handle)
  local name, query = route_of(handle:headers())
  if not name or is_grpc(handle:headers()) then
    return
  elseif query ~= "" then -- the transcoder would merge it with the body: fields twice, or one more element in a list
    local words = answer("the query", "", "must be empty: all fields belong in the body", "query.not_empty")
    respond(handle, status.http("INVALID_REQUEST"), words)
  else
    strict_json.check_body(handle, name)
  end
end

return strict_json
