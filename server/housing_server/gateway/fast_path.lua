-- All that a script does for usual JSON requests: their bodies are read strictly, and their errors finished as any other.

local responses, route, status, strict_json = require("responses"), require("route"), require("status"), require("strict_json")
local fast_path = {}

-- Refuses a request whose body is not the route's message.
function fast_path.check(handle)
  strict_json.check_body(handle, route.name)
end

-- Finishes a response.
function fast_path.finish(handle)
  local headers = handle:headers()
  if headers:get(":status") == "200" then
    headers:remove("grpc-status")
    headers:remove("grpc-message")
    headers:remove("grpc-accept-encoding")
    headers:replace("vary", "Origin")
    headers:replace("cache-control", "no-store")
  else
    local request = { path = route.path, grpc = false, has_body = true }
    status.remember(handle, "request", request) -- for the access log
    responses.finish_http(handle, request)
  end
end

return fast_path
