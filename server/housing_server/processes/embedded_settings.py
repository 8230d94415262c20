"""Environment variables that pass a worker's start parameters on to Envoy's interpreter, across `exec`."""

CONTROL = "HOUSING_EMBEDDED_CONTROL"
"""File descriptor of the worker's end of the control socket."""
CONFIGURATION = "HOUSING_EMBEDDED_CONFIGURATION"
"""The worker's `ConfigureWorker` message, as received."""
ADMIN_SOCKET = "HOUSING_EMBEDDED_ADMIN_SOCKET"
"""The Unix socket of Envoy's admin interface."""
