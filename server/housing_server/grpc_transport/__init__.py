"""The core over grpc.aio: call scope, servicers, relay, reflection and server options."""
