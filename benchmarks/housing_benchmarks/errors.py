"""The errors of benchmarks."""


class BenchmarkError(Exception):
    """A benchmark cannot run; the message says what to do."""


class ProgramMissing(BenchmarkError):
    """A required program is not installed."""


class ProgramFailed(BenchmarkError):
    """A program failed."""


class ServerNotReady(BenchmarkError):
    """A server exited, or was not ready in time."""
