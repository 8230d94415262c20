"""The core over grpc.aio: handlers, relay, reflection, health and server options."""
