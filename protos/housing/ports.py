"""The ports that the service listens on unless its settings say otherwise."""

GRPC_PORT = 50051
"""Of the gRPC services."""
GATEWAY_PORT = 8080
"""Of the gateway: JSON over HTTP, gRPC and gRPC-Web."""
METRICS_PORT = 9464
"""Of metrics, probes and the page of routes."""
MONITOR_PORT = 9465
"""Of the monitor's metrics."""
