"""What can go wrong with a benchmark."""


class BenchmarkError(Exception):
    """A benchmark that cannot be run; its message says what to do."""


class ProgramMissing(BenchmarkError):
    """A program that the benchmark needs is not installed."""


class ProgramFailed(BenchmarkError):
    """A program that was run to its end ended with an error."""


class ServerNotReady(BenchmarkError):
    """A server that was started ended, or did not answer in time."""
