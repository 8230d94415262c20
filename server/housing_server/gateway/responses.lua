-- Finishes a response after all other filters: error format, HTTP headers, and responses without a body.

local contract, errors, status = require("contract"), require("errors"), require("status")
local responses = {}

-- Hashes a text into 32 bits (Jenkins' one-at-a-time).
local function hash(text, seed)
  local tobit, lshift, rshift, bxor = bit.tobit, bit.lshift, bit.rshift, bit.bxor
  local value = seed
  for index = 1, #text do
    value = tobit(value + text:byte(index))
    value = tobit(value + lshift(value, 10))
    value = bxor(value, rshift(value, 6))
  end
  value = tobit(value + lshift(value, 3))
  value = bxor(value, rshift(value, 11))
  return tobit(value + lshift(value, 15))
end

local function etag(text)
  return 'W/"' .. bit.tohex(hash(text, 0)) .. bit.tohex(hash(text, #text + 1)) .. '"'
end

local function matches(header, tag)
  return header == "*" or (header or ""):find(tag:sub(3), 1, true) ~= nil
end

local function append(headers, name, value)
  local before = headers:get(name)
  headers:replace(name, before and before .. ", " .. value or value)
end

-- Removes headers that reveal how the response was made.
local function strip(headers)
  local names = {}
  for name in pairs(headers) do
    if name:sub(1, 5) == "grpc-" or name:sub(1, 8) == "x-envoy-" then
      names[#names + 1] = name
    end
  end
  for _, name in ipairs(names) do
    headers:remove(name)
  end
end

local function read(handle)
  local body = handle:body(true) -- waits for the body; header handles are invalid afterwards
  return body, tostring(body:getBytes(0, body:length()))
end

local function replace_body(handle, body, text)
  handle:headers():replace("content-length", tostring(body:setBytes(text)))
end

-- Rewrites one of Envoy's own errors, or makes the field paths of a server's error relative to the body.
local function finish_error(handle, http_status, is_envoys, request)
  local path = request.path
  local body, text = read(handle)
  local code
  local is_librarys = text:find('"details":[]', 1, true) and errors.words(http_status) -- gRPC's own, without a reason
  if is_envoys or is_librarys then
    code, text = errors.word(http_status, text, path, request.has_body)
    handle:headers():replace("content-type", "application/json")
  else
    local field = contract.body_fields[path]
    code = tonumber(text:match('^{"code":%s*(%d+)'))
    text = field and text:gsub(field .. "%.", "") or text
  end
  status.log(handle, code or 2)
  replace_body(handle, body, text)
end

-- Responds 304 if the caller's copy is current.
local function finish_cacheable(handle, known)
  local body, text = read(handle)
  local tag = etag(text)
  local headers = handle:headers()
  headers:replace("etag", tag)
  if matches(known, tag) then
    headers:replace(":status", "304")
    headers:remove("content-type")
    headers:remove("content-length")
    body:setBytes("")
  end
end

-- Restores a JSON refusal that Envoy has turned into gRPC headers, because of the request's content type.
local function finish_refusal(handle, refusal)
  local body = handle:body(true)
  local headers = handle:headers()
  headers:replace(":status", refusal.http_status)
  headers:replace("content-type", "application/json")
  status.log(handle, refusal.code)
  replace_body(handle, body, refusal.json)
end

local function finish_health(handle)
  local _, text = read(handle)
  if text:match('"status":%s*"SERVICE_STATUS_NOT_SERVING"') then
    handle:headers():replace(":status", "503")
  end
end

local function drop_body(handle)
  local body = handle:body(true)
  local length = body:length()
  if length > 0 then -- Envoy's own responses to HEAD come without a body
    body:setBytes("")
    local headers = handle:headers()
    headers:replace("content-length", tostring(length))
    append(headers, "cache-control", "no-transform") -- what is not there would be compressed, into a body
  end
end

-- Finishes a response that is not gRPC's. request: its stored values.
function responses.finish_http(handle, request)
  local headers = handle:headers()
  local http_status, kind = headers:get(":status"), headers:get("content-type") or ""
  local failed = tonumber(http_status) >= 400
  local is_envoys = (kind == "text/plain" or (kind == "" and failed)) and not headers:get("x-envoy-upstream-service-time")
  strip(headers)
  append(headers, "vary", "Origin")
  local cacheable = contract.cacheable[request.path] and http_status == "200"
  if failed or not contract.files[request.path] then
    headers:replace("cache-control", cacheable and "no-cache" or "no-store")
  end
  if request.refusal and kind ~= "application/json" then
    finish_refusal(handle, request.refusal)
  elseif is_envoys or (kind == "application/json" and failed) then
    finish_error(handle, http_status, is_envoys, request)
  elseif kind == "application/json" then
    if cacheable then
      finish_cacheable(handle, request.known)
    elseif request.path == contract.status_path then
      finish_health(handle)
    end
  end
  if request.head then
    drop_body(handle)
  end
end

-- Finishes a response; gRPC responses pass unchanged.
function responses.finish(handle)
  local request = status.remembered(handle)
  if not request.grpc then
    responses.finish_http(handle, request)
  end
end

return responses
