"""The programs that the supervisor starts: modules that are named by string, since importing them would load them."""

LAUNCH = "housing_server.processes.launch"
"""Runs one of the others; its arguments are that module's name and the number of its end of the control socket."""

WORKER = "housing_server.processes.worker"
"""Answers predictions."""

RECORDER = "housing_server.processes.recorder"
"""Moves answers from the journals to the prediction log's store, and reads them."""

EXPLAINER = "housing_server.processes.explainer"
"""Explains predictions."""

PROGRAMS = (LAUNCH, WORKER, RECORDER, EXPLAINER)
"""All of them."""
