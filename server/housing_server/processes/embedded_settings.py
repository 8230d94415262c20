"""The variables in which a worker inside Envoy finds what it was started with; they outlive the change of programs."""

CONTROL = "HOUSING_EMBEDDED_CONTROL"
"""The number of its end of the control socket."""
CONFIGURATION = "HOUSING_EMBEDDED_CONFIGURATION"
"""Its `ConfigureWorker`, as it came over that socket."""
ADMIN_SOCKET = "HOUSING_EMBEDDED_ADMIN_SOCKET"
"""The Unix socket of Envoy's admin interface."""
