"""Limits on what callers send, each defined once."""

MAX_REQUEST_BYTES = 4 * 1024 * 1024
"""The largest message of a gRPC call: the largest legal batch is about 1 MB."""
MAX_BODY_BYTES = 8 * 1024 * 1024
"""The largest body of a JSON request or response, uncompressed."""
LARGE_BODY_BYTES = 2 * 1024 * 1024
"""Size of the largest legal batch in compact JSON; assumed for a body of unknown length."""
MAX_METADATA_BYTES = 16 * 1024
"""The most metadata of a call, by HTTP/2's accounting: the text of each entry and 32 bytes."""
MAX_HEADER_BYTES = 15 * 1024
"""The largest request headers at the gateway, by the same accounting; it adds some of its own before forwarding."""
MAX_REQUEST_ID_BYTES = 128
"""The longest `x-request-id` that is accepted; a longer one is replaced."""
MAX_STREAMS = 256
"""The most calls in flight on one connection."""
