-- google.rpc.Status in this product's form: JSON for HTTP callers, headers for gRPC and gRPC-Web callers.

local reasons = require("reasons") -- the contract's, by name, and the names of codes
local status = {}

local NAMESPACE = "housing" -- of the dynamic metadata shared by requests, responses and the access log
local JSON = '{"code":%d,"message":"%s","details":[%s'
  .. '{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"%s","domain":"' .. reasons.domain .. '","metadata":{%s}}]}'
local BAD_REQUEST = '{"@type":"type.googleapis.com/google.rpc.BadRequest",'
  .. '"field_violations":[{"field":"%s","description":"%s","reason":"%s"}]},'

-- Encodes a length-delimited field of a protobuf message; a length is below 16,384.
local function field(number, bytes)
  local length = #bytes
  local prefix = length < 128 and string.char(length) or string.char(length % 128 + 128, math.floor(length / 128))
  return string.char(number * 8 + 2) .. prefix .. bytes
end

local function binary(reason, message)
  local info = field(1, reason) .. field(2, reasons.domain)
  local any = field(1, "type.googleapis.com/google.rpc.ErrorInfo") .. field(2, info)
  return string.char(8, reasons.by_name[reason].code) .. field(2, message) .. field(3, any)
end

-- Stores a value about the request for the response filter and the access log.
function status.remember(handle, key, value)
  handle:streamInfo():dynamicMetadata():set(NAMESPACE, key, value)
end

-- Returns the stored values about the request, as a table.
function status.remembered(handle)
  return (handle:streamInfo():dynamicMetadata():get(NAMESPACE) or {}).request or {}
end

-- Sets the status code for the access log.
function status.log(handle, code)
  status.remember(handle, "code", reasons.codes[code] or "UNKNOWN")
end

-- Returns the BadRequest detail about one field, for `status.json`.
function status.violation(path, description, reason)
  return BAD_REQUEST:format(path, description, reason or "json.type")
end

-- Returns a Status in JSON. The texts hold no quotes, backslashes or control characters.
-- details: further details, in JSON. service: full name of the gRPC service that the error is about, if it is about one.
function status.json(reason, message, details, service)
  local metadata = service and ('"service":"%s"'):format(service) or ""
  return JSON:format(reasons.by_name[reason].code, message, details or "", reason, metadata)
end

-- Returns the HTTP status of a reason, as a header has it.
function status.http(reason)
  return tostring(reasons.by_name[reason].http_status)
end

-- Returns the code of a reason.
function status.code(reason)
  return reasons.by_name[reason].code
end

-- Refuses a request in its caller's protocol, on behalf of the server.
-- request: its stored values. more: further headers of the response.
function status.refuse(handle, request, content_type, reason, message, more)
  local headers = more or {}
  if content_type then -- gRPC: a trailers-only response
    headers[":status"] = "200"
    headers["content-type"] = content_type
    headers["grpc-status"] = tostring(status.code(reason))
    headers["grpc-message"] = message
    headers["grpc-status-details-bin"] = handle:base64Escape(binary(reason, message))
    status.remember(handle, "request", request)
    handle:respond(headers)
  else
    local json = status.json(reason, message)
    request.refusal = { http_status = status.http(reason), code = status.code(reason), json = json }
    status.remember(handle, "request", request)
    headers[":status"] = status.http(reason)
    headers["content-type"] = "application/json"
    handle:respond(headers, json)
  end
end

return status
