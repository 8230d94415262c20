"""What the processes of the service use, and what the machine has left."""

from housing_monitoring.dashboards.board import Board, Figure, Limits, Lines, Row
from housing_monitoring.dashboards.queries import rate_by

_PROCESSES = Row(
    title="Processes",
    panels=(
        Lines(
            title="Workers",
            description="Processes that answer calls: those that should, and those that do.",
            series=(("{{state}}", "sum by (state) (housing_workers)"),),
        ),
        Lines(
            title="Workers restarted",
            description="Workers that were started again after they had ended, in the last quarter of an hour.",
            series=(("restarts", "sum(increase(housing_worker_restarts_total[15m]))"),),
        ),
        Lines(
            title="Processor",
            description="Processors that each process keeps busy.",
            series=(("{{process}}", rate_by("process", "housing_process_cpu_seconds_total")),),
        ),
        Lines(
            title="Memory",
            description="Resident memory of each process.",
            unit="bytes",
            series=(("{{process}}", "sum by (process) (housing_process_resident_memory_bytes)"),),
        ),
        Lines(
            title="Open files",
            description="File descriptors of each process; every connection is one.",
            series=(("{{process}}", "sum by (process) (housing_process_open_files)"),),
        ),
        Lines(
            title="Time of a scrape",
            description="How long Prometheus waits for the metrics.",
            unit="s",
            series=(("{{job}}", 'max by (job) (scrape_duration_seconds{job=~"housing.*"})'),),
        ),
    ),
)

_MACHINE = Row(
    title="Machine",
    panels=(
        Figure(
            title="Servers",
            description="How many servers answer Prometheus.",
            decimals=0,
            limits=Limits(orange=1, red=0),
            query='sum(up{job="housing"})',
        ),
        Figure(
            title="Disk used",
            description="Share of the disk that holds models, prediction log and journals.",
            unit="percentunit",
            limits=Limits(orange=0.8, red=0.95),
            query="max(housing_disk_used_bytes / housing_disk_total_bytes)",
        ),
        Figure(
            title="Disk left",
            description="On the disk that holds models, prediction log and journals.",
            unit="bytes",
            query="min(housing_disk_total_bytes - housing_disk_used_bytes)",
        ),
        Figure(
            title="Memory available",
            description="Share of the machine's memory that programs can have at once.",
            unit="percentunit",
            limits=Limits(orange=0.2, red=0.05),
            query="min(housing_memory_available_bytes / housing_memory_total_bytes)",
        ),
        Lines(
            title="Disk through time",
            description="The disk that holds models, prediction log and journals.",
            unit="bytes",
            series=(("used", "sum(housing_disk_used_bytes)"), ("size", "sum(housing_disk_total_bytes)")),
        ),
        Lines(
            title="Memory through time",
            description="Memory of the machine.",
            unit="bytes",
            series=(("available", "sum(housing_memory_available_bytes)"), ("size", "sum(housing_memory_total_bytes)")),
        ),
    ),
)

BOARD = Board(
    uid="california-housing-resources",
    title="California housing: resources",
    description="What the processes of the service use, and what the machine has left.",
    rows=(_PROCESSES, _MACHINE),
)
"""The dashboard of processes and machine."""
