-- Rewrites Envoy's own errors (malformed JSON, an unknown path, no upstream ...) as a google.rpc.Status in JSON, as the
-- prediction server does. Envoy's texts quote the request; the rewritten ones contain none of the caller's values.

local contract, status = require("contract"), require("status")
local errors = {}

local LARGEST = ("the body is over %d MiB: send several smaller batches"):format(contract.max_body_bytes / 2 ^ 20)
local KINDS = { -- by HTTP status: reason of the ErrorInfo, message
  ["400"] = { "INVALID_JSON", "the request cannot be read as JSON" },
  ["404"] = { "NO_SUCH_ROUTE", "no such path; GET /docs lists the routes" },
  ["408"] = { "REQUEST_TIMEOUT", "the request took too long to arrive" },
  ["413"] = { "BODY_TOO_LARGE", LARGEST },
  ["431"] = { "HEADERS_TOO_LARGE", "the headers are too large" },
  ["503"] = { "UNAVAILABLE", "the prediction server is not available; try again in a few seconds" },
  ["504"] = { "DEADLINE_EXCEEDED", "the prediction server did not answer in time" },
}
local OTHER = { "GATEWAY_ERROR", "the gateway could not answer" }
local TYPES = {
  TYPE_DOUBLE = "must be a number",
  TYPE_STRING = "must be a string",
  TYPE_BOOL = "must be true or false",
  TYPE_UINT32 = "must be a whole number, 0 or greater",
  TYPE_INT32 = "must be a whole number",
  Timestamp = "must be a time such as 2026-03-01T12:30:00Z",
}

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
  local choices = name and contract.enums[name]
  return path, TYPES[name] or (choices and "must be " .. choices) or (name and "must be a " .. name) or "is of the wrong JSON type"
end

-- Returns what is wrong with the JSON, without the excerpt that follows on the next lines.
local function syntax(text)
  local first = text:match("^(%u[%w ,:.']-)%.?\n")
  return first and ": " .. first
end

-- Finds the field whose value is not JSON (`NaN` and the like): the last name before the caret under the excerpt, which
-- may begin in the middle of the name. Envoy does not report the path of the field.
local function unreadable_field(text)
  local excerpt, indent = text:match("\n([^\n]*)\n( *)%^")
  local ending = excerpt and excerpt:sub(1, #indent):match('([%l_]+)"%s*:%s*$')
  local found
  for _, field in ipairs(ending and contract.fields or {}) do
    if field:sub(-#ending) == ending then
      if found then
        return nil -- what is left of the name could be either
      end
      found = field
    end
  end
  return found
end

-- Returns reason, message and details for the text of a request that cannot be parsed.
local function unreadable(text, path, has_body)
  local name = text:match('^Could not find field "([^"]*)"')
  if name then -- in the query; the name is repeated when it is no more than a name
    name = #name <= 64 and name:match("^[%a_][%w_.]*$") and " " .. name or ""
    return "INVALID_REQUEST", "the query parameter" .. name .. " is not known", ""
  end
  local field, description = violation(text)
  if not field then
    field, description = unreadable_field(text), "is not a finite JSON value"
  end
  if field then
    field = errors.relative(field, path)
    return "INVALID_REQUEST", field .. ": " .. description, status.violation(field, description)
  elseif not has_body then -- so there is no JSON
    return "INVALID_REQUEST", "the path or the query is malformed", ""
  end
  return "INVALID_JSON", KINDS["400"][2] .. (syntax(text) or ""), ""
end

-- Returns the path of a field relative to the JSON body of a route: where the body is one field of the request message,
-- paths begin below that field.
function errors.relative(field, path)
  local prefix = contract.body_fields[path]
  return prefix and field:sub(1, #prefix + 1) == prefix .. "." and field:sub(#prefix + 2) or field
end

-- Returns whether an error with this HTTP status means the same whoever responds with it.
function errors.words(http_status)
  return http_status ~= "400" and KINDS[http_status] ~= nil
end

-- Returns the Status for one of Envoy's own errors.
-- http_status: of the response. text: its body. path: of the request. has_body: whether that has one. Returns: the code, and
-- the Status in JSON.
function errors.word(http_status, text, path, has_body)
  local reason, message = unpack(KINDS[http_status] or OTHER)
  local details, service, reply = "", nil, contract.replies[text]
  if reply then -- of a server's Envoy, about another process of the service
    reason, message, service = reply.reason, text, reply.service
  elseif http_status == "400" then
    reason, message, details = unreadable(text, path, has_body)
  elseif text == "envoy overloaded" then
    reason, message = "GATEWAY_OVERLOADED", "the gateway is short of memory; try again in a few seconds"
  end
  return status.code(reason), status.json(reason, message, details, service)
end

return errors
