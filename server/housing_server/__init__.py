"""The prediction server: a supervisor, workers that answer gRPC calls, and the gateway's launcher."""
