"""The programs that the supervisor starts: modules that are named by string, since importing them would load them."""

LAUNCH = "housing_server.processes.launch"
"""Runs one of the others; its arguments are that module's name and the number of its end of the control socket."""

WORKER = "housing_server.processes.worker"
"""Answers predictions."""

ENVOY_WORKER = "housing_server.processes.envoy_worker"
"""Likewise, inside Envoy: becomes one that runs the next."""

EMBEDDED = "housing_server.processes.embedded"
"""What Envoy runs."""

WORKERS = {"grpc": WORKER, "envoy": ENVOY_WORKER}
"""The program of a worker, by its transport."""

RECORDER = "housing_server.processes.recorder"
"""Moves answers from the journals to the prediction log's store, and reads them."""

EXPLAINER = "housing_server.processes.explainer"
"""Explains predictions."""

PROGRAMS = (LAUNCH, WORKER, ENVOY_WORKER, EMBEDDED, RECORDER, EXPLAINER)
"""All of them."""
