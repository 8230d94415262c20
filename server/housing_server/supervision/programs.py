"""The programs that the supervisor starts: modules named by strings, since importing them would load them."""

LAUNCH = "housing_server.processes.launch"
"""Launches one of the others; its arguments are a module's name and a file descriptor of the control socket."""

WORKER = "housing_server.processes.worker"
"""Answers predictions."""

ENVOY_WORKER = "housing_server.processes.envoy_worker"
"""The same inside Envoy: becomes an Envoy that runs the next."""

EMBEDDED = "housing_server.processes.embedded"
"""The ASGI application that Envoy runs."""

WORKERS = {"grpc": WORKER, "envoy": ENVOY_WORKER}
"""The program of a worker, by its transport."""

RECORDER = "housing_server.processes.recorder"
"""Drains the journals into the prediction log's store, and answers queries of the log."""

EXPLAINER = "housing_server.processes.explainer"
"""Explains predictions."""

PROGRAMS = (LAUNCH, WORKER, ENVOY_WORKER, EMBEDDED, RECORDER, EXPLAINER)
