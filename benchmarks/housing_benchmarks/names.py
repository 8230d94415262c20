"""The names of contestants and scenarios that link samples, targets and tables."""

HOUSING = "housing"
UNARY = "housing, unary calls"
"""The service again, in scenarios that compare ways to call it."""
JSON = "housing, JSON through a gateway"
ENVOY = "housing, inside Envoy"
JSON_INSIDE = "housing, JSON inside Envoy"
NO_OP = "no-op grpc.aio"
NO_OP_GO = "no-op gRPC in Go"
NO_OP_ASGI = "no-op ASGI inside Envoy"
BARE = "bare grpc.aio + ONNX Runtime"
GRAPH = "ONNX Runtime alone"
TEACHER = "ONNX Runtime alone, the teacher"
"""The mixture's graph, from which the champion has learnt: the champion before it."""
OVERLOADED = "housing, five times the load"
STORMED = "housing, fifty times the load"
BESIDE = "housing, beside batches"
LOG_OFF = "housing, log off"
LOG_STRICT = "housing, log strict"

IN_FLIGHT = (1, 8, 64)
"""Concurrent unary calls."""
SATURATED = IN_FLIGHT[-1]
"""Enough to keep every worker busy."""
BATCH_ROWS = (1, 10, 100, 1_000, 10_000)
OFFERED_RATE = 1_000
"""Calls per second of the latency target."""
OFFERED_INSIDE_ENVOY = 3_000
"""The same, of the transport inside Envoy."""
SHAPES = ((1, 1), (8, 1), (8, 8), (16, 16))
"""Connections, and concurrent calls on each, by which transports are compared."""

GRAPH_ROW = "graph alone, 1 row, caches flushed"
GRAPH_ROWS = "graph alone, 1,000 rows"
EXPLAIN = "explanations, 1 in flight"
STREAM = "stream"
JSON_BODIES = "json"
OFFERED = "offered"
OFFERED_MORE = "offered, three times as many"
JSON_INSIDE_ENVOY = "json, inside Envoy"
STREAM_INSIDE_ENVOY = "stream, inside Envoy"
BESIDE_BATCHES = "200 calls/s, beside batches"
OVERLOAD = "overload"
OVERLOAD_BATCHES = "overload, batches of 1000"
PREDICTION_LOG = "prediction log"


def unary(in_flight: int) -> str:
    """Return the name of the scenario with `in_flight` concurrent unary calls."""
    return f"unary, {in_flight} in flight"


def batch(rows: int) -> str:
    """Return the name of the scenario with batches of `rows` rows."""
    return f"batch of {rows}"


def shape(connections: int, streams: int) -> str:
    """Return the name of the scenario of unary calls by h2load, by connections and concurrent calls on each."""
    return f"{connections} x {streams}"


def against(peer: str) -> str:
    """Return the name of the scenario that compares the service with a peer, saturated."""
    return f"against {peer}"


def alone(peer: str) -> str:
    """Return the name of the scenario that compares the service with a peer, one call at a time."""
    return f"against {peer}, 1 in flight"
