"""The files through which processes hand their metrics to the supervisor."""

from prometheus_client import values


def count_as(name: str) -> None:
    """Make the metrics of this process continue those of the process that had the name before.

    By default each process id has files of its own: dead processes' files would pile up, and deleting them would make
    counters run backwards. Must be called before metrics are made.
    """
    # MultiProcessValue has no annotations, though this use of it is documented.
    values.ValueClass = values.MultiProcessValue(process_identifier=lambda: name)  # type: ignore[no-untyped-call]
