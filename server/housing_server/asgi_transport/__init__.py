"""The core as an ASGI application that speaks gRPC, for a server that sends trailers, such as Envoy with pyvoy."""
