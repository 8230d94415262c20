-- Checks the head of a request before any other filter: what passes cannot harm the calls of others.
--
-- gRPC's own headers are the reason: the server parses them before any code of ours runs; a malformed one fails the call
-- in the library, and may fail other calls on the connection, which callers share behind the gateway.

local contract, status = require("contract"), require("status")
local requests = {}

local METADATA_ENTRY_BYTES = 32 -- the overhead of an entry in HTTP/2's accounting
local ENCODINGS = { identity = true, gzip = true, deflate = true }
local PREFLIGHT = "access-control-request-method"
-- Copies of the caller's x-request-id and grpc-timeout: Envoy overwrites the originals before this filter runs.
local CALLERS_ID = "x-caller-request-id"
local CALLERS_TIMEOUT = "x-caller-grpc-timeout"

-- Headers that a gRPC client may send, with their validators. All other names that begin with `grpc-` are dropped.
local WELL_FORMED = {
  ["grpc-timeout"] = function(value)
    return #value <= 9 and value:match("^%d+[HMSmun]$")
  end,
  ["grpc-encoding"] = function(value)
    return ENCODINGS[value]
  end,
  ["grpc-accept-encoding"] = function(value)
    return value:match("^[%w%-, ]+$")
  end,
  ["grpc-previous-rpc-attempts"] = function(value)
    return #value <= 4 and value:match("^%d+$")
  end,
}
-- Headers that only servers send.
local OF_RESPONSES = {
  ["endpoint-load-metrics-bin"] = true,
  ["grpc-server-stats-bin"] = true,
  ["grpc-status-details-bin"] = true,
  ["lb-cost-bin"] = true,
  ["lb-token"] = true,
}

-- Returns whether each comma-separated part is base64, padded or not.
local function is_base64(value)
  for part in (value .. ","):gmatch("([^,]*),") do
    local digits, padding = part:match("^ *([%w+/]*)(=*) *$")
    if not digits or #digits % 4 == 1 or #padding > 2 or (padding ~= "" and (#digits + #padding) % 4 ~= 0) then
      return false
    end
  end
  return true
end

-- Returns the kind of a header, by its name: "drop", "keep", "text", "te", "binary" or "grpc".
local function kind_of(name)
  if name:sub(1, 1) == ":" or name == CALLERS_ID then
    return "keep"
  elseif name:sub(1, 8) == "x-envoy-" or OF_RESPONSES[name] or not name:match("^[%w_.%-]+$") then
    return "drop"
  elseif name:sub(-4) == "-bin" then
    return "binary"
  elseif name == "te" then
    return "te"
  end
  return (name:sub(1, 5) == "grpc-" or name == CALLERS_TIMEOUT) and "grpc" or "text"
end

-- Cache of the kinds of names; bounded, since callers may invent names.
local KINDS_KEPT = 1000
local kinds, kinds_count = {}, 0

local function remembered_kind(name)
  local kind = kinds[name]
  if not kind then
    if kinds_count == KINDS_KEPT then
      kinds, kinds_count = {}, 0
    end
    kind = kind_of(name)
    kinds[name], kinds_count = kind, kinds_count + 1
  end
  return kind
end

-- Returns whether a header passes, and if not, whether a gRPC call must be refused for it.
local function judge(name, value, is_grpc)
  local kind = remembered_kind(name)
  if kind == "text" then
    return not value:find("[^\32-\126]"), false
  elseif kind == "keep" then
    return true
  elseif kind == "te" then
    return value == "trailers", false
  elseif kind == "binary" then
    return is_grpc and is_base64(value), true
  elseif kind == "drop" then
    return false, false
  end
  local known = name == CALLERS_TIMEOUT and "grpc-timeout" or name
  local check = (is_grpc or known == "grpc-timeout") and WELL_FORMED[known]
  return check and check(value), check ~= nil and check ~= false
end

-- Checks every header: returns their total size, the names to remove, and the name of one that refuses a gRPC call.
local function inspect(headers, is_grpc)
  local size, dropped, refused = 0, {}, nil
  for name, value in pairs(headers) do
    size = size + #name + #value + METADATA_ENTRY_BYTES
    local passes, matters = judge(name, value, is_grpc)
    if not passes then
      dropped[#dropped + 1] = name
      refused = matters and (name == CALLERS_TIMEOUT and "grpc-timeout" or name) or refused
    end
  end
  return size, dropped, refused
end

-- Returns whether percent-encoded text in a path or query is UTF-8 without NUL.
local function is_text(encoded)
  if not encoded:find("[^\33-\36\38-\126]") then
    return true -- only printable characters, none of them `%`
  elseif encoded:find("[^\33-\126]") or encoded:gsub("%%%x%x", ""):find("%%") then
    return false
  end
  local text = encoded:gsub("%%(%x%x)", function(digits)
    return string.char(tonumber(digits, 16))
  end)
  if text:find("%z") then
    return false
  end
  -- Remove well-formed sequences of two, three and four bytes: the rest must not contain bytes above 127.
  text = text:gsub("[\240-\244][\128-\191][\128-\191][\128-\191]", function(four)
    local first, second = four:byte(1, 2)
    return ((first == 240 and second < 144) or (first == 244 and second > 143)) and "\255" or ""
  end)
  text = text:gsub("[\224-\239][\128-\191][\128-\191]", function(three)
    local first, second = three:byte(1, 2)
    return ((first == 224 and second < 160) or (first == 237 and second > 159)) and "\255" or ""
  end)
  return not text:gsub("[\194-\223][\128-\191]", ""):find("[\128-\255]")
end

-- Returns the methods of a path, apart from HEAD and OPTIONS, and whether they are for JSON or a page; nil for an unknown
-- path.
local function methods_of(path)
  local methods = contract.routes[path]
  if methods then
    return methods, true
  end
  for pattern, its_methods in pairs(contract.patterns) do
    if path:match(pattern) then
      return its_methods, true
    end
  end
  return (path:sub(1, 6) == "/grpc." or path:sub(1, 12) == "/housing.v1.") and "POST" or nil, false
end

-- Bytes of bodies in flight on this thread, by request. However a request ends, it leaves the table when its handle is
-- collected.
local bodies = setmetatable({}, { __mode = "k" })
local reserved = 0

local function collect()
  collectgarbage()
  collectgarbage() -- a userdata with a finalizer leaves a table with weak keys at the second collection only
  reserved = 0
  for _, bytes in pairs(bodies) do
    reserved = reserved + bytes
  end
end

-- Reserves memory for a body; returns false when the bodies in flight leave no room.
local function reserve(handle, headers)
  local length = not headers:get("content-encoding") and tonumber((headers:get("content-length")))
  local bytes = math.min(length or contract.large_body_bytes, contract.max_body_bytes)
  if reserved + bytes > contract.max_bodies_bytes then
    collect()
  end
  if reserved > 0 and reserved + bytes > contract.max_bodies_bytes then
    return false
  end
  bodies[handle] = bytes
  reserved = reserved + bytes
  return true
end

-- Checks the headers of a JSON body; returns reason, message and headers of the response if the request is refused.
local function check_body(handle, headers)
  local kind = (headers:get("content-type") or "application/json"):lower()
  local charset = kind:match(";%s*charset=\"?([%w%-]*)")
  if not (kind:match("^application/json *$") or kind:match("^application/json *;") or kind:match("^application/[%w.%-]+%+json"))
    or (charset and charset ~= "utf-8")
  then
    return "UNSUPPORTED_MEDIA_TYPE", "the header content-type must be application/json, and the body in UTF-8", { ["accept-post"] = "application/json" }
  end
  local encoding = headers:get("content-encoding")
  if encoding and encoding ~= "gzip" and encoding ~= "identity" then
    return "UNSUPPORTED_MEDIA_TYPE", "the body may be compressed with gzip only", { ["accept-encoding"] = "gzip" }
  end
  if not reserve(handle, headers) then
    return "GATEWAY_OVERLOADED", "too many large requests are in flight; try again in a second", { ["retry-after"] = "1" }
  end
end

-- Checks a request for JSON or a page; returns reason, message and headers of the response if it is refused, and headers
-- alone if they are the whole response.
-- request: information for the response filter is added to it.
local function check_http(handle, headers, path, method, request)
  local allowed, is_json = methods_of(path)
  if not allowed then
    return nil -- the transcoder answers 404
  end
  local allow = allowed:gsub("GET", "GET, HEAD") .. ", OPTIONS"
  if method == "OPTIONS" and headers:get("origin") and headers:get(PREFLIGHT) then
    return nil
  elseif method == "OPTIONS" then
    return nil, nil, { [":status"] = "204", allow = allow }
  elseif method == "HEAD" and allowed:find("GET", 1, true) then
    headers:replace(":method", "GET")
    request.head = true
  elseif method == "HEAD" or not (" " .. allowed .. ","):find(" " .. method .. ",", 1, true) then
    return "METHOD_NOT_ALLOWED", "this path allows only " .. allowed, { allow = allow }
  elseif method == "POST" and not is_json then
    return "UNSUPPORTED_MEDIA_TYPE", "this path is for gRPC; GET /docs lists those for JSON", { ["accept-post"] = "application/grpc, application/grpc-web" }
  elseif method == "POST" then
    return check_body(handle, headers)
  end
end

local function check_grpc(headers, path, method, refused)
  if method ~= "POST" then
    return "METHOD_NOT_ALLOWED", "gRPC calls must use POST", { allow = "POST" }
  elseif refused == "grpc-encoding" then
    return "UNSUPPORTED_ENCODING", "messages may be compressed with gzip or deflate", { ["grpc-accept-encoding"] = "identity,deflate,gzip" }
  elseif refused then
    return "INVALID_HEADER", "the header " .. refused .. " is malformed"
  end
end

-- Removes headers that must not pass, and sets the request id.
local function clean(headers, dropped, is_grpc)
  local id = headers:get(CALLERS_ID)
  for _, name in ipairs(dropped) do
    headers:remove(name)
  end
  headers:remove(CALLERS_ID)
  headers:remove(CALLERS_TIMEOUT)
  if id and #id <= contract.max_request_id_bytes and not id:find("[^\33-\126]") and not id:find("[\",;\\]") then
    headers:replace("x-request-id", id)
  end
  if is_grpc then
    headers:replace("te", "trailers")
  end
end

-- Returns whether a request is addressed to this machine: a web page may have its own name resolved to it, but no number.
-- gRPC sends the whole list for a target of several addresses.
local function is_addressed(authority)
  local host = authority:lower():gsub(":%d+$", "")
  local numbers = authority:gsub("%[[%x:.]+%]", "0")
  return not contract.names or contract.names[host] or numbers:match("^[%d.:,]+$")
end

-- Responds to a request that cannot be served; removes harmful headers from all others.
local function check(handle)
  local headers = handle:headers()
  local method, target = headers:get(":method"), headers:get(":path") or ""
  local path = target:match("^[^?]*")
  local content_type = headers:get("content-type") or ""
  local rest = content_type:match("^application/grpc(.*)")
  rest = rest and (rest:match("^%-web%-text(.*)") or rest:match("^%-web(.*)") or rest)
  local is_grpc = rest ~= nil and (rest == "" or rest:find("^[+; ]") ~= nil)
  local size, dropped, refused = inspect(headers, is_grpc)
  clean(headers, dropped, is_grpc)
  local request = { path = path, grpc = is_grpc, has_body = method == "POST" }
  local reason, message, more
  if size > contract.max_header_bytes then
    reason, message = "HEADERS_TOO_LARGE", ("the headers are larger than %d bytes"):format(contract.max_header_bytes)
  elseif not is_addressed(headers:get(":authority") or "") then
    reason, message = "INVALID_HEADER", "another host is addressed; HOUSING_ALLOWED_HOSTS names those of this service"
  elseif not is_text(target) then
    reason, message = "INVALID_REQUEST", "the path or the query is not UTF-8 text"
  elseif is_grpc then
    reason, message, more = check_grpc(headers, path, method, refused)
  else
    request.known = contract.cacheable[path] and headers:get("if-none-match") or nil
    reason, message, more = check_http(handle, headers, path, method, request)
  end
  if path == contract.metrics_path and target ~= path then
    headers:replace(":path", path) -- the query would reach Envoy's admin interface
  end
  if reason then
    local answers_grpc = is_grpc and reason ~= "METHOD_NOT_ALLOWED" and content_type or nil
    request.grpc = answers_grpc ~= nil
    status.refuse(handle, request, answers_grpc, reason, message, more)
    return
  end
  status.remember(handle, "request", request)
  if more then
    handle:respond(more)
  end
end

-- Checks a request; if this script fails, the request is refused.
function requests.check(handle)
  local ok, problem = pcall(check, handle)
  if not ok then
    handle:logErr(problem)
    status.refuse(handle, {}, nil, "GATEWAY_ERROR", "the gateway could not answer")
  end
end

return requests
