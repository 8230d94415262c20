"""The fake service of the client's tests, for commands."""

from unit.client.conftest import log, log_target, service, target

__all__ = ["log", "log_target", "service", "target"]
