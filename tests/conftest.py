"""What holds for all tests: no library reports its use to its makers, and what they start can be interrupted."""

import os
import signal

from housing.addresses import bypass_proxies

os.environ.update(ORT_DISABLE_TELEMETRY="1", MLFLOW_DISABLE_TELEMETRY="true")
bypass_proxies(os.environ)  # what tests start listens on this machine
# A shell that runs tests in the background has them ignore Ctrl-C, and so would every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
