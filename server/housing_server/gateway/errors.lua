-- Words Envoy's own errors (a body that is no JSON, an unknown path, no upstream ...) as the google.rpc.Status in JSON
-- that the prediction server answers with. Envoy's texts quote the request; nothing of the caller's values is repeated.
-- `housing gateway` puts a line above this file that sets FIELDS to the names of a block group's fields.

local KINDS = { -- by HTTP status: code of the status, reason of its ErrorInfo, message
  ["400"] = { 3, "INVALID_JSON", "the request cannot be read as JSON" },
  ["404"] = { 5, "NO_SUCH_ROUTE", "no such path, or not with this method; GET / lists the routes" },
  ["408"] = { 4, "REQUEST_TIMEOUT", "the request took too long to arrive" },
  ["413"] = { 8, "BODY_TOO_LARGE", "the body is larger than the largest legal batch" },
  ["503"] = { 14, "UNAVAILABLE", "the prediction server does not answer; try again in a few seconds" },
  ["504"] = { 4, "DEADLINE_EXCEEDED", "the prediction server did not answer in time" },
}
local OTHER = { 13, "GATEWAY_ERROR", "the gateway could not answer" }
local TYPES = {
  TYPE_DOUBLE = "must be a number",
  TYPE_STRING = "must be a string",
  TYPE_BOOL = "must be true or false",
  TYPE_UINT32 = "must be a whole number, 0 or greater",
  Timestamp = "must be a time such as 2026-03-01T12:30:00Z",
}

local STATUS = '{"code":%d,"message":"%s","details":[%s'
  .. '{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"%s","domain":"housing.v1","metadata":{}}]}'
local BAD_REQUEST = '{"@type":"type.googleapis.com/google.rpc.BadRequest",'
  .. '"field_violations":[{"field":"%s","description":"%s","reason":"json.type"}]},'

-- Finds the field at fault and what it must be, in a text such as `block_group.longitude: invalid value ...`.
local function violation(text)
  local path, rest = text:match("^(%l[%l_%d%.%[%]]*): (.*)")
  if not path then
    return nil
  end
  local scalar = rest:match("on a scalar field for type ([%l_]+)")
  if scalar then
    return path .. "." .. scalar, "must be a single value"
  end
  local kind = rest:match("for type ([%w_%./]+)")
  local name = kind and kind:match("[%w_]+$")
  return path, TYPES[name] or (name and "must be a " .. name) or "is of the wrong JSON type"
end

-- Says what is wrong with the JSON, without the excerpt that follows on the next lines.
local function syntax(text)
  local first = text:match("^(%u[%w ,:.']-)%.?\n")
  return first and ": " .. first
end

-- Finds the field whose value is no JSON (`NaN` and the like): the last name before the caret under the excerpt, which
-- may begin in the middle of the name. Where in the request it stands, Envoy does not say.
local function unreadable_field(text)
  local excerpt, indent = text:match("\n([^\n]*)\n( *)%^")
  local ending = excerpt and excerpt:sub(1, #indent):match('([%l_]+)"%s*:%s*$')
  local found
  for _, field in ipairs(ending and FIELDS or {}) do
    if field:sub(-#ending) == ending then
      if found then
        return nil -- what is left of the name could be either
      end
      found = field
    end
  end
  return found
end

function envoy_on_response(handle)
  local headers = handle:headers()
  if headers:get("content-type") ~= "text/plain" or headers:get("x-envoy-upstream-service-time") then
    return -- not one of Envoy's own
  end
  local http_status = headers:get(":status")
  local code, reason, message = unpack(KINDS[http_status] or OTHER)
  local details = ""
  local body = handle:body(true) -- waits for it, after which `headers` must be asked for again
  if http_status == "400" then
    local text = tostring(body:getBytes(0, body:length()))
    local path, description = violation(text)
    local unreadable = unreadable_field(text)
    if path == nil and unreadable then
      path, description = unreadable, "is not a finite JSON value"
    end
    if text:match("^Could not find field ") then -- in the query; what a body has too much is ignored
      reason, message = "INVALID_REQUEST", "the query names a field that the request does not have"
    elseif path then
      details, reason = BAD_REQUEST:format(path, description), "INVALID_REQUEST"
      message = path .. ": " .. description
    else
      message = message .. (syntax(text) or "")
    end
  end
  local length = body:setBytes(STATUS:format(code, message, details, reason))
  handle:headers():replace("content-type", "application/json")
  handle:headers():replace("content-length", tostring(length))
end
