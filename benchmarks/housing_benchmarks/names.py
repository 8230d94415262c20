"""The names of contestants and scenarios, by which samples, marks and tables find each other."""

HOUSING = "housing"
UNARY = "housing, unary calls"
"""The service again, where another way to call it is the scenario."""
JSON = "housing, JSON through Envoy"
NO_OP = "no-op grpc.aio"
BARE = "bare grpc.aio + ONNX Runtime"
GRAPH = "ONNX Runtime alone"
OVERLOADED = "housing, five times the load"
STORMED = "housing, fifty times the load"
BESIDE = "housing, beside batches"
LOG_OFF = "housing, log off"
LOG_STRICT = "housing, log strict"

IN_FLIGHT = (1, 8, 64)
"""Unary calls that run at a time."""
SATURATED = IN_FLIGHT[-1]
"""As many as keep every worker busy."""
BATCH_ROWS = (1, 10, 100, 1_000, 10_000)
OFFERED_RATE = 1_000
"""Calls a second of the latency promise."""

STREAM = "stream"
JSON_BODIES = "json"
OFFERED = "offered"
BESIDE_BATCHES = "200 calls/s, beside batches"
OVERLOAD = "overload"
OVERLOAD_BATCHES = "overload, batches of 1000"
PREDICTION_LOG = "prediction log"


def unary(in_flight: int) -> str:
    """Name the scenario of unary calls, so many at a time."""
    return f"unary, {in_flight} in flight"


def batch(rows: int) -> str:
    """Name the scenario of batches of so many rows."""
    return f"batch of {rows}"


def against(peer: str) -> str:
    """Name the scenario of the service and a peer, saturated."""
    return f"against {peer}"


def alone(peer: str) -> str:
    """Name the scenario of the service and a peer, one call at a time."""
    return f"against {peer}, 1 in flight"
