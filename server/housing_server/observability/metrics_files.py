"""The files through which processes expose their metrics to the supervisor."""

from prometheus_client import values


def count_as(name: str) -> None:
    """Continue the metrics of the process that had this name before.

    By default each process id has files of its own: those of dead processes would pile up, and deleting them would
    reset counters. Must be called before metrics are created.
    """
    # MultiProcessValue has no annotations, though this use of it is documented.
    values.ValueClass = values.MultiProcessValue(process_identifier=lambda: name)  # type: ignore[no-untyped-call]
