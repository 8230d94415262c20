"""Ports and limits of the service: each of them once."""

GRPC_PORT = 50051
"""Port of the gRPC services."""
METRICS_PORT = 9464
"""Port of metrics, probes and the page."""
GATEWAY_PORT = 8080
"""Port of the gateway."""

MAX_BODY_BYTES = 8 * 1024 * 1024
"""The largest body of a JSON request or answer, uncompressed."""
LARGE_BODY_BYTES = 2 * 1024 * 1024
"""Size of the largest legal batch in compact JSON, and of a body whose size is not known before it is read."""
MAX_METADATA_BYTES = 16 * 1024
"""The most metadata that the server accepts with a call, counted as HTTP/2 does: 32 bytes and its text an entry."""
MAX_HEADER_BYTES = 15 * 1024
"""The largest headers of a request that the gateway accepts, counted likewise; it adds some of its own on the way."""
MAX_REQUEST_ID_BYTES = 128
"""The longest `x-request-id` that is kept; a longer one is replaced."""
MAX_STREAMS = 256
"""The most calls that one connection may have under way."""
